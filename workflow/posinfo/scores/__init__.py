"""Scores of trained readouts for each picture (SPC, MAE), the maps that figures show, and the learning curve.

Made from readouts and feature maps.
"""
