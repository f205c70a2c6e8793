"""Decode and resize every picture once, for all encoders.

REQUIRED INPUTS: the wheels, archives or folders with the photographs.
OUTPUTS: {results}/images/{images}.npy (uint8 [N, 224, 224, 3]), .csv (one row per picture: where it came from), .json
"""


rule images:
    """Photographs are split into training and test before any view is cut."""
    input:
        archives=archives_behind,
        apart_from=lambda wildcards: image_files([RUN.images.train], "csv") if is_test(wildcards) else [],
        listings=lambda wildcards: image_files([RUN.images.train], "json") if is_test(wildcards) else [],
    output:
        array=f"{RESULTS}/images/{{images}}.npy",
        names=f"{RESULTS}/images/{{images}}.csv",
        story=f"{RESULTS}/images/{{images}}.json",
    log:
        f"{RESULTS}/logs/images/{{images}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/images/{{images}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(4),
    params:
        entry=entries_behind,
        resources=RESOURCES,
        apart_from=lambda wildcards, input: [f"--apart-from={path}" for path in input.apart_from],
        code=code_digest("image_sets"),
    shell:
        "python3 -m posinfo --log {log:q} images {wildcards.images:q} --entry {params.entry[0]:q} --resources {params.resources:q}"
        " {params.apart_from:q} --output {output.array:q}"
