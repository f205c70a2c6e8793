"""Readouts that are solved by least squares instead of trained.

Made, as they are, from an encoder's feature maps of the training pictures, in one pass over them.
"""
