"""Decode and resize every picture once, for all encoders; and the masks of sets that have some.

REQUIRED INPUTS: the wheels, archives or folders with the photographs.
OUTPUTS: {results}/images/{images}.npy (uint8 [N, 224, 224, 3]), .csv (one row per picture: where it came from), .json;
{results}/masks/{images}.npy (uint8 [N, 224, 224]), .json
"""


rule images:
    """Photographs are split into training and test before any view is cut."""
    input:
        archives=asks(MADE_FROM.archives_of_images, "images"),
        apart_from=lambda wildcards: MADE_FROM.trained_on(wildcards.images, "csv"),
        listings=lambda wildcards: MADE_FROM.trained_on(wildcards.images, "json"),
    output:
        array=PATHS.images("{images}"),
        names=PATHS.images("{images}", "csv"),
        story=PATHS.images("{images}", "json"),
    log:
        PATHS.log("images/{images}"),
    benchmark:
        PATHS.benchmark("images/{images}")
    conda:
        ENVIRONMENT
    resources:
        **needs(4),
    params:
        entry=asks(MADE_FROM.entries_of_images, "images"),
        resources=RUN.resources,
        apart_from=lambda wildcards, input: [f"--apart-from={path}" for path in input.apart_from],
        code=code_digest("images.sets"),
    shell:
        "python3 -m posinfo --log {log:q} images {wildcards.images:q} --entry {params.entry[0]:q} --resources {params.resources:q}"
        " {params.apart_from:q} --output {output.array:q}"


rule masks:
    """The answers to a set of pictures, resized as they are."""
    input:
        archives=asks(MADE_FROM.archives_of_masks, "images"),
        names=PATHS.images("{images}", "csv"),
        story=PATHS.images("{images}", "json"),
    output:
        array=PATHS.masks("{images}"),
        story=PATHS.masks("{images}", "json"),
    log:
        PATHS.log("masks/{images}"),
    benchmark:
        PATHS.benchmark("masks/{images}")
    conda:
        ENVIRONMENT
    resources:
        **needs(2),
    params:
        entry=asks(MADE_FROM.entries_of_masks, "images"),
        resources=RUN.resources,
        code=code_digest("images.masks"),
    shell:
        "python3 -m posinfo --log {log:q} masks {wildcards.images:q} --entry {params.entry[0]:q} --names {input.names:q}"
        " --resources {params.resources:q} --output {output.array:q}"
