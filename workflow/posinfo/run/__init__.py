"""What a run is asked for: its configuration, the cells of its tables and figures, and where each result lies.

Made from config.yaml and its overlays.
"""
