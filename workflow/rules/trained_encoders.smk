"""Train encoders from scratch for classification, saliency or segmentation.

REQUIRED INPUTS: {results}/images/{images}.npy (compositions are made of them), or pictures and their masks
OUTPUTS: {results}/masks/{images}.npy (uint8 [N, 224, 224]); {results}/encoders/{encoder}.safetensors (the encoder alone),
.head.safetensors, .epochs.csv, .metrics.csv and .pictures.csv
"""


rule masks:
    """The answers to a set of pictures, resized as they are."""
    input:
        archives=archives_of_masks,
        names=f"{RESULTS}/images/{{images}}.csv",
        story=f"{RESULTS}/images/{{images}}.json",
    output:
        array=f"{RESULTS}/masks/{{images}}.npy",
        story=f"{RESULTS}/masks/{{images}}.json",
    log:
        f"{RESULTS}/logs/masks/{{images}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/masks/{{images}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(2),
    params:
        entry=entries_of_masks,
        resources=RESOURCES,
        code=code_digest("masks"),
    shell:
        "python3 -m posinfo --log {log:q} masks {wildcards.images:q} --entry {params.entry[0]:q} --names {input.names:q}"
        " --resources {params.resources:q} --output {output.array:q}"


rule trained_encoder:
    """A killed job goes on from its last epoch."""
    input:
        files=lambda wildcards: [file for part in examples_of(wildcards.encoder) for file in part],
        names=lambda wildcards: names_of_examples(examples_of(wildcards.encoder)),
        stories=lambda wildcards: sidecars([file for part in examples_of(wildcards.encoder) for file in part]),
    output:
        weights=f"{RESULTS}/encoders/{{encoder}}.safetensors",
        head=f"{RESULTS}/encoders/{{encoder}}.head.safetensors",
        tables=[f"{RESULTS}/encoders/{{encoder}}.{table}.csv" for table in TABLES_OF_TRAINING],
        stories=[f"{RESULTS}/encoders/{{encoder}}.{table}.json" for table in TABLES_OF_TRAINING],
    log:
        f"{RESULTS}/logs/trained_encoders/{{encoder}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trained_encoders/{{encoder}}.tsv"
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
        entry=lambda wildcards: registry.decisive(ENCODERS[wildcards.encoder]),
        recipe=RUN.tasks.recipe.model_dump_json(),
        train=lambda wildcards: examples_of(wildcards.encoder)[0],
        tests=lambda wildcards: [word for part in examples_of(wildcards.encoder)[1:] for word in ("--test", *part)],
        device=RUN.device,
        code=code_digest("trained_encoders"),
    shell:
        "python3 -m posinfo --log {log:q} train-encoder {wildcards.encoder:q} --entry {params.entry:q}"
        " --recipe {params.recipe:q} --train {params.train:q} {params.tests:q}"
        " --device {params.device} --threads {threads} --output {output.weights:q}"
