"""Every figure, as pdf and png.

Drawn from scores, predicted maps, images and benchmarks of a run.
"""
