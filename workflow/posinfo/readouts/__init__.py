"""Readouts, trained by the released protocol or solved by least squares.

Made from an encoder's feature maps of the training pictures.
"""
