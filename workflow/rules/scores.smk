"""Score predicted maps against the ground truth, per image; keep the few that figures show; and the learning curve.

REQUIRED INPUTS: <results>/readouts/{encoder}/{readouts}/, <results>/features/{encoder}/{images}/
OUTPUTS: <results>/scores/{encoder}/{readouts}/{images}.csv, tidy: readout, pattern, seed, image, spc, mae, constant;
<results>/predictions/{encoder}.npz; <results>/learning_curve/{encoder}.csv; a .json beside each
"""


rule scores:
    """SPC and MAE of a group's readouts on a set of images, whether trained or solved."""
    input:
        readouts="<results>/readouts/{encoder}/{readouts}",
        names="<results>/images/{images}.csv",
        features=lambda wildcards: INPUTS.features(wildcards.encoder, wildcards.images),
        sidecars="<results>/images/{images}.json",
    output:
        table="<results>/scores/{encoder}/{readouts}/{images}.csv",
        sidecar="<results>/scores/{encoder}/{readouts}/{images}.json",
    log:
        "<logs>/scores/{encoder}/{readouts}/{images}.log",
    benchmark:
        "<benchmarks>/scores/{encoder}/{readouts}/{images}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(4, gpus=1),
    params:
        fit=lambda wildcards: INPUTS.fit(wildcards.encoder),
        device=RUN.device,
        code=lambda wildcards: code("scores.commands:scores"),
    shell:
        "python3 -m posinfo --log {log:q} scores --readouts {input.readouts:q} --images {input.names:q}"
        " --features {input.features:q} {params.fit:q} --device {params.device} --threads {threads}"
        " --output {output.table:q}"


rule predictions:
    """Predicted maps of the few images that figures show, from the first seed."""
    input:
        readouts=lambda wildcards: INPUTS.drawn_readouts(wildcards.encoder),
        names=lambda wildcards: INPUTS.drawn_files(wildcards.encoder, "csv"),
        features=lambda wildcards: INPUTS.drawn_features(wildcards.encoder),
        sidecars=lambda wildcards: INPUTS.drawn_files(wildcards.encoder, "json"),
    output:
        maps="<results>/predictions/{encoder}.npz",
        sidecar="<results>/predictions/{encoder}.json",
    log:
        "<logs>/predictions/{encoder}.log",
    benchmark:
        "<benchmarks>/predictions/{encoder}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(4, gpus=1),
    params:
        maps=lambda wildcards: INPUTS.drawn_maps(wildcards.encoder),
        shown=SHOWN,
        fit=lambda wildcards: INPUTS.fit(wildcards.encoder),
        run=settings("seeds"),
        device=RUN.device,
        code=lambda wildcards: code("scores.commands:predictions"),
    shell:
        "python3 -m posinfo --log {log:q} predictions {params.maps:q} --readouts {input.readouts:q}"
        " --images {input.names:q} --features {input.features:q} {params.fit:q} --shown {params.shown}"
        " --run {params.run:q} --device {params.device} --threads {threads} --output {output.maps:q}"


rule learning_curve:
    """Scores of readouts trained on parts of the photographs (config: curve); the whole has its scores already."""
    input:
        train=f"<results>/images/{RUN.images.train}.csv",
        test=f"<results>/images/{RUN.images.natural}.csv",
        train_features=lambda wildcards: INPUTS.features(wildcards.encoder, RUN.images.train),
        test_features=lambda wildcards: INPUTS.features(wildcards.encoder, RUN.images.natural),
        scores=lambda wildcards: scores_of(RUN, curve_cells(RUN, wildcards.encoder)),
    output:
        table="<results>/learning_curve/{encoder}.csv",
        sidecar="<results>/learning_curve/{encoder}.json",
    log:
        "<logs>/learning_curve/{encoder}.log",
    benchmark:
        "<benchmarks>/learning_curve/{encoder}.tsv"
    conda:
        ENVIRONMENT
    threads: THREADS
    resources:
        **needs(6, 4 * 60, gpus=1),
    params:
        readouts=lambda wildcards: [cell.readout.name for cell in curve_cells(RUN, wildcards.encoder)],
        run=settings("seeds", "patterns", "training", "curve"),
        device=RUN.device,
        code=lambda wildcards: code("scores.commands:learning_curve"),
    shell:
        "python3 -m posinfo --log {log:q} learning-curve {params.readouts} --train-features {input.train_features:q}"
        " --test-features {input.test_features:q} --train {input.train:q} --test {input.test:q}"
        " --scores {input.scores:q} --run {params.run:q} --device {params.device} --threads {threads}"
        " --output {output.table:q}"
