"""Decode and resize each image once, for all encoders.

REQUIRED INPUTS: the wheels, archives or folders with the photographs.
OUTPUTS: <results>/images/{images}.npy (uint8 [N, 224, 224, 3]), .csv (a row for each image: its name and origin), .json
"""


rule images:
    """A set of decoded images. Photographs are split into training and test before any view is cut."""
    input:
        archives=lambda wildcards: INPUTS.archives(wildcards.images),
        trained_on=lambda wildcards: INPUTS.trained_on(wildcards.images),
        sidecars=lambda wildcards: sidecars(INPUTS.trained_on(wildcards.images)),
    output:
        array="<results>/images/{images}.npy",
        names="<results>/images/{images}.csv",
        sidecar="<results>/images/{images}.json",
    log:
        "<logs>/images/{images}.log",
    benchmark:
        "<benchmarks>/images/{images}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(4),
    params:
        entries=lambda wildcards: INPUTS.image_entries(wildcards.images),
        resources=lambda wildcards: RUN.resources,
        code=lambda wildcards: code("images.commands:images"),
    shell:
        "python3 -m posinfo --log {log:q} images {wildcards.images:q} --entry {params.entries[0]:q}"
        " --resources {params.resources:q} --trained-on {input.trained_on:q} --output {output.array:q}"
