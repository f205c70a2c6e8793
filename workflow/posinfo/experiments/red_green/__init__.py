"""Absolute location learned from scratch (after Kayhan and van Gemert, CVPR 2020)."""
