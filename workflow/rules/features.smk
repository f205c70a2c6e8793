"""Feature maps: one forward pass gives every stage of an encoder for a set of images.

REQUIRED INPUTS: the encoder's weights, if it has weights, and <results>/images/{images}.npy with its sidecar
OUTPUTS: <results>/features/{encoder}/{images}/, a directory with {stage}.npy ([N, C, h, w], float16, or float32 where
float16 is too coarse) and features.json (what the maps were made from)

An encoder whose entry has `fit` reads the maps of the encoder that it varies; it has no directory of its own.
"""


rule features:
    """Every stage's feature maps of an encoder, for a set of images."""
    input:
        weights=lambda wildcards: INPUTS.weights(wildcards.encoder),
        images="<results>/images/{images}.npy",
        sidecar="<results>/images/{images}.json",
    output:
        kept_features(directory("<results>/features/{encoder}/{images}")),
    log:
        "<logs>/features/{encoder}/{images}.log",
    benchmark:
        "<benchmarks>/features/{encoder}/{images}.tsv"
    priority: -1  # after whatever reads features: these fill the disk until they were read
    conda:
        ENVIRONMENT
    threads: THREADS
    resources:
        **needs(6, minutes=4 * 60, gpus=1),
    params:
        entry=lambda wildcards: INPUTS.encoder(wildcards.encoder),
        made_elsewhere=lambda wildcards: INPUTS.made_elsewhere(wildcards.encoder, wildcards.images),
        alignment=RUN.alignment.model_dump_json(),
        device=RUN.device,
        code=lambda wildcards: code("features.commands:features"),
    shell:
        "python3 -m posinfo --log {log:q} features {wildcards.encoder:q} --entry {params.entry:q}"
        " --weights {input.weights:q} --images {input.images:q} --alignment {params.alignment:q} --output {output:q}"
        " --device {params.device} --threads {threads}"
