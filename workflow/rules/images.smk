"""Decode and resize every picture once, for all encoders.

REQUIRED INPUTS: the wheels, archives or folders with the photographs.
OUTPUTS: {results}/images/{images}.npy (uint8 [N, 224, 224, 3]) and .csv (one row per picture: where it came from)
"""


rule images:
    """Photographs are split into training and test before any view is cut."""
    input:
        archives_behind,
    output:
        array=f"{RESULTS}/images/{{images}}.npy",
        names=f"{RESULTS}/images/{{images}}.csv",
    log:
        f"{RESULTS}/logs/images/{{images}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/images/{{images}}.tsv"
    conda:
        ENVIRONMENT
    params:
        entry=entries_behind,
        resources=RESOURCES,
        code=code_digest("image_sets"),
    shell:
        "python3 -m posinfo --log {log:q} images {wildcards.images:q} --entry {params.entry[0]:q} --resources {params.resources:q} --output {output.array:q}"
