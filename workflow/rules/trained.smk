"""Train encoders from scratch for classification, saliency or segmentation; and show what one for saliency says.

REQUIRED INPUTS: {results}/images/{images}.npy (compositions are made of them), or pictures and their masks
OUTPUTS: {results}/encoders/{encoder}.safetensors (the encoder alone), .head.safetensors, .epochs.csv, .metrics.csv and
.pictures.csv; {results}/predictions/{encoder}/crops.npz
"""


rule trained_encoder:
    """A killed job goes on from its last epoch."""
    input:
        files=lambda wildcards: [file for part in MADE_FROM.examples(wildcards.encoder) for file in part],
        names=asks(MADE_FROM.names_of_examples, "encoder"),
        stories=lambda wildcards: paths.sidecars(MADE_FROM.names_of_examples(wildcards.encoder)),
        masks=lambda wildcards: [
            file.replace("npy", "json") for part in MADE_FROM.examples(wildcards.encoder) for file in part[1:]
        ],
    output:
        weights=PATHS.trained("{encoder}"),
        head=PATHS.trained("{encoder}", "head.safetensors"),
        tables=[PATHS.trained("{encoder}", f"{table}.csv") for table in paths.TABLES_OF_TRAINING],
        stories=[PATHS.trained("{encoder}", f"{table}.json") for table in paths.TABLES_OF_TRAINING],
    log:
        PATHS.log("trained/{encoder}"),
    benchmark:
        PATHS.benchmark("trained/{encoder}")
    wildcard_constraints:
        encoder="|".join(TRAINED),
    priority: 1  # as long as layered readouts are
    conda:
        ENVIRONMENT
    # A slim network's maps are memory traffic: two of them side by side are done sooner than one after the other.
    threads: lambda wildcards: threads_for(8) if ENCODERS[wildcards.encoder].architecture == "vgg16" else 1
    resources:
        **needs(6, minutes=240, gpus=1),
    params:
        entry=lambda wildcards: decisive(ENCODERS[wildcards.encoder]),
        recipe=RUN.tasks.recipe.model_dump_json(),
        train=lambda wildcards: MADE_FROM.examples(wildcards.encoder)[0],
        tests=lambda wildcards: [
            word for part in MADE_FROM.examples(wildcards.encoder)[1:] for word in ("--test", *part)
        ],
        device=RUN.device,
        code=code_digest("trained.encoders"),
    shell:
        "python3 -m posinfo --log {log:q} train-encoder {wildcards.encoder:q} --entry {params.entry:q}"
        " --recipe {params.recipe:q} --train {params.train:q} {params.tests:q}"
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
        entry=lambda wildcards: decisive(ENCODERS[wildcards.encoder]),
        device=RUN.device,
        shown=displays.SHOWN,
        code=[code_digest("trained.answers"), code_digest("trained.crops")],
    shell:
        "python3 -m posinfo --log {log:q} crops {wildcards.encoder:q} --entry {params.entry:q} --weights {input.weights:q}"
        " --test {input.files:q} --device {params.device} --threads {threads} --output {output.maps:q}"
