"""Train readouts: every pattern and every seed in the same passes over the features.

REQUIRED INPUTS: {results}/features/{encoder}/{training images}/{stage}.npy of the stages that are read
OUTPUTS: {results}/readouts/{encoder}/{readout}/{pattern}.safetensors, every seed inside
"""


rule readout:
    """By the released protocol; heads share the reading of the features and nothing else."""
    input:
        features=lambda wildcards: feature_files(wildcards.encoder, RUN.images.train, stages_read(wildcards)),
        stories=lambda wildcards: feature_files(wildcards.encoder, RUN.images.train, stages_read(wildcards), "json"),
    output:
        expand(f"{RESULTS}/readouts/{{{{encoder}}}}/{{{{readout}}}}/{{pattern}}.safetensors", pattern=PATTERNS),
    log:
        f"{RESULTS}/logs/readouts/{{encoder}}/{{readout}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/readouts/{{encoder}}/{{readout}}.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    params:
        patterns=PATTERNS,
        seeds=RUN.seeds,
        definition=RUN.patterns,
        training=RUN.training.model_dump_json(),
        device=RUN.device,
        output=lambda wildcards, output: str(Path(output[0]).parent),
        code=code_digest("readouts"),
    shell:
        "python3 -m posinfo --log {log:q} readouts {wildcards.readout:q} --features {input.features:q} --patterns {params.patterns}"
        " --seeds {params.seeds} --definition {params.definition} --training {params.training:q}"
        " --device {params.device} --threads {threads} --output {params.output:q}"
