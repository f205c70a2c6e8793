"""Reads a network at its taps, in its own padding or in another."""
