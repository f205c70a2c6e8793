"""Train readouts, every pattern and every seed in the same passes over the features.

REQUIRED INPUTS: <results>/features/{encoder}/{training images}/
OUTPUTS: <results>/readouts/{encoder}/{readouts}/, a {readout}.safetensors for each readout; {readouts} is a group that
a table names (base, layers, kernels, stages, padding, unscaled, border) or one readout's name (L1-k7-p0-all)
"""


rule readouts:
    """The trained readouts of a group: one job trains all its readouts, patterns and seeds."""
    input:
        lambda wildcards: INPUTS.features(wildcards.encoder, RUN.images.train),
    output:
        directory("<results>/readouts/{encoder}/{readouts}"),
    log:
        "<logs>/readouts/{encoder}/{readouts}.log",
    benchmark:
        "<benchmarks>/readouts/{encoder}/{readouts}.tsv"
    wildcard_constraints:
        readouts=r"(?!least_squares|lstsq-)[^/]+",
    priority: 1  # before what is short: begun last, a long job leaves cores idle
    conda:
        ENVIRONMENT
    threads: THREADS
    resources:
        # Layers as wide as released are what takes memory and days.
        **(needs(32, 24 * 60, gpus=1) if RUN.training.hidden == "same" else needs(6, 4 * 60, gpus=1)),
    params:
        readouts=lambda wildcards: json.dumps(INPUTS.trained(wildcards.encoder, wildcards.readouts)),
        fit=lambda wildcards: INPUTS.fit(wildcards.encoder),
        run=settings("seeds", "patterns", "training"),
        device=RUN.device,
        code=lambda wildcards: code("readouts.commands:readouts"),
    shell:
        "python3 -m posinfo --log {log:q} readouts {params.readouts:q} --encoder {wildcards.encoder:q}"
        " --features {input:q} {params.fit:q} --run {params.run:q} --device {params.device} --threads {threads}"
        " --output {output:q}"
