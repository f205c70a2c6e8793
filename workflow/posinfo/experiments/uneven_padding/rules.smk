"""Uneven padding: do left and right of a network's maps differ where strides use the padding of one side only?

REQUIRED INPUTS: the encoder's weights, <results>/images/{images}.npy
OUTPUTS: <results>/uneven_padding/{encoder}.csv (a row for each side, stage and image), .json;
<results>/uneven_padding/maps/{encoder}.npz (mean maps), .json
"""


rule uneven_padding:
    """Left and right differences of one encoder's mean maps, over each image and its mirror image."""
    input:
        weights=lambda wildcards: INPUTS.weights(wildcards.encoder),
        train=f"<results>/images/{RUN.images.train}.npy",
        test=f"<results>/images/{RUN.images.natural}.npy",
        names=f"<results>/images/{RUN.images.natural}.csv",
        sidecars=expand("<results>/images/{images}.json", images=[RUN.images.train, RUN.images.natural]),
    output:
        rows="<results>/uneven_padding/{encoder}.csv",
        sidecar="<results>/uneven_padding/{encoder}.json",
        maps="<results>/uneven_padding/maps/{encoder}.npz",
        maps_sidecar="<results>/uneven_padding/maps/{encoder}.json",
    log:
        "<logs>/uneven_padding/{encoder}.log",
    benchmark:
        "<benchmarks>/uneven_padding/{encoder}.tsv"
    conda:
        ENVIRONMENT
    threads: THREADS
    resources:
        **needs(4, gpus=1),
    params:
        entry=lambda wildcards: INPUTS.encoder(wildcards.encoder),
        run=settings("uneven_padding"),
        device=RUN.device,
        code=lambda wildcards: code("experiments.uneven_padding.commands:uneven_padding"),
    shell:
        "python3 -m posinfo --log {log:q} uneven-padding {wildcards.encoder:q} --entry {params.entry:q}"
        " --weights {input.weights:q} --train {input.train:q} --test {input.test:q} --run {params.run:q}"
        " --device {params.device} --threads {threads} --output {output.rows:q} --maps {output.maps:q}"
