"""Frozen networks: their architectures, their taps, and weights converted from the files in which they ship."""
