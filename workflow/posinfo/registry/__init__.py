"""Checked entries of all that a config may name: sources, sets of images, encoders.

They come from the YAML files of workflow/registry and from the config's own entries.
"""
