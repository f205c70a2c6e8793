"""The atlas: networks side by side, stage by stage, as a table, a figure and a page; and one network by itself.

Made from scores, readouts and feature maps.
"""
