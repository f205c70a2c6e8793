"""Location from pooled features: a linear readout of channel means names the cell of a small image.

REQUIRED INPUTS: the encoder's weights, <results>/images/{images}.npy
OUTPUTS: <results>/pooled_location/{encoder}.csv (a row for each image and seed), .json
"""


rule pooled_location:
    """Where small images lie on a black canvas, read from one encoder's pooled features."""
    input:
        weights=lambda wildcards: INPUTS.weights(wildcards.encoder),
        train=f"<results>/images/{RUN.images.train}.npy",
        test=f"<results>/images/{RUN.images.natural}.npy",
        names=expand("<results>/images/{images}.csv", images=[RUN.images.train, RUN.images.natural]),
        sidecars=expand("<results>/images/{images}.json", images=[RUN.images.train, RUN.images.natural]),
    output:
        rows="<results>/pooled_location/{encoder}.csv",
        sidecar="<results>/pooled_location/{encoder}.json",
    log:
        "<logs>/pooled_location/{encoder}.log",
    benchmark:
        "<benchmarks>/pooled_location/{encoder}.tsv"
    conda:
        ENVIRONMENT
    threads: THREADS
    resources:
        **needs(4, gpus=1),
    params:
        entry=lambda wildcards: INPUTS.encoder(wildcards.encoder),
        run=settings("pooled_location", "seeds"),
        device=RUN.device,
        code=lambda wildcards: code("experiments.pooled_location.commands:pooled_location"),
    shell:
        "python3 -m posinfo --log {log:q} pooled-location {wildcards.encoder:q} --entry {params.entry:q}"
        " --weights {input.weights:q} --train {input.train:q} --test {input.test:q} --run {params.run:q}"
        " --device {params.device} --threads {threads} --output {output.rows:q}"
