"""Files from outside: wheels, archives, folders; fetched or copied, verified by checksum, and read in place."""
