"""Train encoders for classification, saliency or segmentation; and show what those for maps say.

REQUIRED INPUTS: {results}/images/{images}.npy (compositions are made of them), or pictures and their masks; the weights of
the encoder that a training starts from, if its entry names one
OUTPUTS: {results}/encoders/{encoder}.safetensors (the encoder alone), .head.safetensors, .epochs.csv, .metrics.csv and
.pictures.csv, .step-{step}.safetensors; {results}/predictions/{encoder}/crops.npz and segmentations.npz

Each encoder has its own rule, since each is kept after its own steps.
"""

for _encoder in TRAINED:

    rule:
        name:
            f"trained_{_encoder}"
        input:
            files=[file for part in MADE_FROM.examples(_encoder) for file in part],
            names=MADE_FROM.names_of_examples(_encoder),
            stories=paths.sidecars(MADE_FROM.names_of_examples(_encoder)),
            masks=[file.replace("npy", "json") for part in MADE_FROM.examples(_encoder) for file in part[1:]],
            start=MADE_FROM.start_of(_encoder),
        output:
            weights=PATHS.trained(_encoder),
            head=PATHS.trained(_encoder, "head.safetensors"),
            tables=[PATHS.trained(_encoder, f"{table}.csv") for table in paths.TABLES_OF_TRAINING],
            stories=[PATHS.trained(_encoder, f"{table}.json") for table in paths.TABLES_OF_TRAINING],
            kept=[PATHS.kept(_encoder, step) for step in RUN.kept(_encoder)],
        log:
            PATHS.log(f"trained/{_encoder}"),
        benchmark:
            PATHS.benchmark(f"trained/{_encoder}")
        priority: 1  # as long as layered readouts are
        conda:
            ENVIRONMENT
        # A slim network's maps are memory traffic: two of them side by side are done sooner than one after the other.
        threads: threads_for(8) if ENCODERS[_encoder].architecture == "vgg16" else 1
        resources:
            **needs(6, minutes=240, gpus=1),
        params:
            name=_encoder,
            entry=canonical_json(ENCODERS[_encoder]),
            recipe=RUN.tasks.recipe_of(ENCODERS[_encoder]).model_dump_json(),
            train=MADE_FROM.examples(_encoder)[0],
            tests=[word for part in MADE_FROM.examples(_encoder)[1:] for word in ("--test", *part)],
            start=[word for file in MADE_FROM.start_of(_encoder) for word in ("--start", file)],
            keep=list(RUN.kept(_encoder)),
            device=RUN.device,
            code=code_digest("experiments.tasks.training.encoders"),
        shell:
            "python3 -m posinfo --log {log:q} train-encoder {params.name:q} --entry {params.entry:q}"
            " --recipe {params.recipe:q} --train {params.train:q} {params.tests:q} {params.start:q} --keep {params.keep}"
            " --device {params.device} --threads {threads} --output {output.weights:q}"


rule crops:
    """What a network trained for saliency says of pictures and of slightly cropped copies."""
    input:
        weights=asks(PATHS.weights, "encoder"),
        head=PATHS.trained("{encoder}", "head.safetensors"),
        files=lambda wildcards: MADE_FROM.examples(wildcards.encoder)[1],
        names=lambda wildcards: MADE_FROM.names_of_examples(wildcards.encoder)[1],
        stories=lambda wildcards: paths.sidecars(MADE_FROM.names_of_examples(wildcards.encoder)[1:2]),
    output:
        maps=PATHS.crops("{encoder}"),
        story=PATHS.crops("{encoder}", "json"),
    log:
        PATHS.log("crops/{encoder}"),
    benchmark:
        PATHS.benchmark("crops/{encoder}")
    wildcard_constraints:
        encoder="|".join(encoder for encoder in TRAINED if ENCODERS[encoder].task == "saliency"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(4, gpus=1),
    params:
        entry=lambda wildcards: canonical_json(ENCODERS[wildcards.encoder]),
        device=RUN.device,
        shown=figures_.SHOWN,
        says="crops",
        learnt=[],
        code=[code_digest("experiments.tasks.predictions"), code_digest("experiments.tasks.crops")],
    shell:
        "python3 -m posinfo --log {log:q} {params.says} {wildcards.encoder:q} --entry {params.entry:q}"
        " --weights {input.weights:q} {params.learnt:q} --test {input.files:q} --device {params.device}"
        " --threads {threads} --output {output.maps:q}"


use rule crops as segmentations with:
    input:
        weights=asks(PATHS.weights, "encoder"),
        head=PATHS.trained("{encoder}", "head.safetensors"),
        learnt=lambda wildcards: MADE_FROM.examples(wildcards.encoder)[0],
        files=lambda wildcards: MADE_FROM.examples(wildcards.encoder)[-1],
        names=lambda wildcards: MADE_FROM.names_of_examples(wildcards.encoder),
        stories=lambda wildcards: paths.sidecars(MADE_FROM.names_of_examples(wildcards.encoder)),
    output:
        maps=PATHS.segmentations("{encoder}"),
        story=PATHS.segmentations("{encoder}", "json"),
    log:
        PATHS.log("segmentations/{encoder}"),
    benchmark:
        PATHS.benchmark("segmentations/{encoder}")
    wildcard_constraints:
        encoder="|".join(encoder for encoder in TRAINED if ENCODERS[encoder].task == "segmentation"),
    params:
        entry=lambda wildcards: canonical_json(ENCODERS[wildcards.encoder]),
        device=RUN.device,
        shown=figures_.SHOWN,
        says="segmentations",
        learnt=lambda wildcards, input: [
            *("--train", *input.learnt),
            *("--recipe", RUN.tasks.recipe_of(ENCODERS[wildcards.encoder]).model_dump_json()),
        ],
        code=[code_digest("experiments.tasks.predictions"), code_digest("experiments.tasks.segmentations")],
