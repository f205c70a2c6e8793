"""Scores of trained readouts for each image (SPC, MAE), the maps that figures show, and the learning curve.

Made from readouts and feature maps.
"""
