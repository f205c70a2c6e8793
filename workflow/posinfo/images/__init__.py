"""Sets of pictures and masks as arrays, all of one size, with a list of where each came from.

Made from wheels, archives or folders.
"""
