"""posinfo: how much position information do convolutional networks encode?

One module per stage of the pipeline, named like the rule file that calls it. Nothing here imports snakemake.
"""
