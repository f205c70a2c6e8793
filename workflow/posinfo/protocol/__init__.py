"""The paper's plain values.

What a readout is and how it is trained, the maps it must draw, sizes and how they are matched.
"""
