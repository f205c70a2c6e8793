"""Position in one network, beside itself with random weights, in one call: `posinfo.probe` and `posinfo probe`.

It calls what the rules call, in one process and without a registry entry.
"""
