"""Predicted maps of the few pictures that figures show, saliency of cropped copies, and the learning curve.

REQUIRED INPUTS: trained readouts, {results}/features/{encoder}/{images}/{stage}.npy; an encoder trained for saliency
OUTPUTS: {results}/predictions/{encoder}/{readout}/{images}.npz and crops.npz, {results}/learning_curve.csv

Each encoder has one job, since starting a process costs more than its maps.
"""

for _encoder, _maps in MAPS.items():

    rule:
        name:
            f"predictions_{_encoder}"
        input:
            readouts=readouts_drawn(_encoder),
            names=image_files(sets_drawn(_encoder), "csv"),
            listings=image_files(sets_drawn(_encoder), "json"),
            features=[
                path
                for images in sets_drawn(_encoder)
                for path in feature_files(_encoder, images, ENCODERS[_encoder].stages)
            ],
            stories=[
                path
                for images in sets_drawn(_encoder)
                for path in feature_files(_encoder, images, ENCODERS[_encoder].stages, "json")
            ],
        output:
            map_files(_encoder),
            sidecars(map_files(_encoder)),
        log:
            f"{RESULTS}/logs/predictions/{_encoder}.log",
        benchmark:
            f"{RESULTS}/benchmarks/predictions/{_encoder}.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            **needs(4, gpus=1),
        params:
            maps=json.dumps(_maps),
            seed=RUN.seeds[0],
            device=RUN.device,
            output=lambda wildcards, output: str(Path(output[0]).parents[1]),
            shown=displays.SHOWN,
            code=[code_digest("predictions"), code_digest("views")],
        shell:
            "python3 -m posinfo --log {log:q} predictions {params.maps:q} --readouts {input.readouts:q}"
            " --images {input.names:q} --features {input.features:q} --seed {params.seed}"
            " --device {params.device} --threads {threads} --output {params.output:q}"


rule crops:
    """What a network trained for saliency says of pictures and of slightly cropped copies."""
    input:
        weights=lambda wildcards: weights_of(wildcards.encoder),
        head=lambda wildcards: trained_files(wildcards.encoder, "head.safetensors"),
        files=lambda wildcards: examples_of(wildcards.encoder)[1],
        names=lambda wildcards: names_of_examples(examples_of(wildcards.encoder)[1:2]),
        stories=lambda wildcards: sidecars(examples_of(wildcards.encoder)[1]),
    output:
        maps=f"{RESULTS}/predictions/{{encoder}}/{displays.CROPS}",
        story=f"{RESULTS}/predictions/{{encoder}}/{displays.CROPS.replace('npz', 'json')}",
    log:
        f"{RESULTS}/logs/crops/{{encoder}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/crops/{{encoder}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(4, gpus=1),
    params:
        entry=lambda wildcards: registry.decisive(ENCODERS[wildcards.encoder]),
        device=RUN.device,
        shown=displays.SHOWN,
        code=[code_digest("answers"), code_digest("crops")],
    shell:
        "python3 -m posinfo --log {log:q} crops {wildcards.encoder:q} --entry {params.entry:q} --weights {input.weights:q}"
        " --test {input.files:q} --device {params.device} --threads {threads} --output {output.maps:q}"


rule learning_curve:
    """Trains on an eighth, a quarter and half of the photographs; the whole has its scores already."""
    input:
        train=f"{RESULTS}/images/{RUN.images.train}.csv",
        test=f"{RESULTS}/images/{RUN.images.natural}.csv",
        features=[
            path
            for encoder in ON_CURVE
            for images in (RUN.images.train, RUN.images.natural)
            for path in feature_files(encoder, images, ENCODERS[encoder].stages)
        ],
        stories=[
            path
            for encoder in ON_CURVE
            for images in (RUN.images.train, RUN.images.natural)
            for path in feature_files(encoder, images, ENCODERS[encoder].stages, "json")
        ],
        scores=[path for encoder in ON_CURVE for path in score_files(encoder, [cells.BASE.name], [RUN.images.natural])],
        listings=image_files([RUN.images.train, RUN.images.natural], "json")
        + [
            path
            for encoder in ON_CURVE
            for path in score_files(encoder, [cells.BASE.name], [RUN.images.natural], "json")
        ],
    output:
        table=f"{RESULTS}/learning_curve.csv",
        story=f"{RESULTS}/learning_curve.json",
    log:
        f"{RESULTS}/logs/learning_curve.log",
    benchmark:
        f"{RESULTS}/benchmarks/learning_curve.tsv"
    conda:
        ENVIRONMENT
    threads: threads_for(8)
    resources:
        **needs(6, 4 * 60, gpus=1),
    params:
        readout=cells.BASE.name,
        run=RUN.model_dump_json(include={"seeds", "patterns", "training"}),
        device=RUN.device,
        code=code_digest("learning_curve"),
    shell:
        "python3 -m posinfo --log {log:q} learning-curve {params.readout:q} --patterns H G --features {input.features:q}"
        " --train {input.train:q} --test {input.test:q} --scores {input.scores:q} --run {params.run:q}"
        " --device {params.device} --threads {threads} --output {output.table:q}"
