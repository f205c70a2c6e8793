"""Frozen networks: their architecture, where they are tapped, and their weights.

Weights are read out of the files in which they ship.
"""
