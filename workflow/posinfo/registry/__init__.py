"""What a config may name, as checked entries: sources, sets of images, encoders.

Made from the YAML files of workflow/registry and a config's own entries.
"""
