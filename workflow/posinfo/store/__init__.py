"""What every stage stands on.

Files that are whole or absent, what vouches for them, code digests, locks, devices, errors.
"""
