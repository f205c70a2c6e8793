"""Feature maps of every stage of an encoder, stored, and read in batches.

Made by one forward pass over a set of images.
"""
