"""Readouts, trained by the released protocol.

Made from an encoder's feature maps of the training images.
"""
