"""Files from outside: wheels, archives, folders.

Fetched or copied, verified by checksum, and read in place.
"""
