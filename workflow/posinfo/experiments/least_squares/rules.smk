"""Solve linear readouts by least squares: every pattern in one pass over the features, the ridge on held-out photographs.

REQUIRED INPUTS: <results>/features/{encoder}/{training images}/, <results>/images/{training images}.csv
OUTPUTS: <results>/readouts/{encoder}/{readouts}/, a {readout}.safetensors for each readout; {readouts} is the group
least_squares or one readout's name (lstsq-k3-p0-all)
"""


rule least_squares:
    """Readouts solved by least squares. Nothing is random, so the first seed stands for all."""
    input:
        features=lambda wildcards: INPUTS.features(wildcards.encoder, RUN.images.train),
        names=f"<results>/images/{RUN.images.train}.csv",
        sidecar=f"<results>/images/{RUN.images.train}.json",
    output:
        directory("<results>/readouts/{encoder}/{readouts}"),
    log:
        "<logs>/readouts/{encoder}/{readouts}.log",
    benchmark:
        "<benchmarks>/readouts/{encoder}/{readouts}.tsv"
    wildcard_constraints:
        readouts=r"least_squares|lstsq-[^/]+",
    priority: 1  # before what is short: begun last, a long job leaves cores idle
    conda:
        ENVIRONMENT
    threads: THREADS
    resources:
        **needs(6, 4 * 60, gpus=1),
    params:
        readouts=lambda wildcards: json.dumps(INPUTS.trained(wildcards.encoder, wildcards.readouts)),
        fit=lambda wildcards: INPUTS.fit(wildcards.encoder),
        seed=RUN.seeds[0],
        run=settings("training", "patterns"),
        device=RUN.device,
        code=lambda wildcards: code("experiments.least_squares.commands:least_squares"),
    shell:
        "python3 -m posinfo --log {log:q} least-squares {params.readouts:q} --features {input.features:q}"
        " {params.fit:q} --images {input.names:q} --seed {params.seed} --run {params.run:q}"
        " --device {params.device} --threads {threads} --output {output:q}"
