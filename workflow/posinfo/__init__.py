"""posinfo: how much position information do convolutional networks encode?

A package per stage of the pipeline, named like the rule file that calls it. Nothing here imports snakemake.
"""
