"""Train readouts: every pattern and every seed in the same passes over the features.

REQUIRED INPUTS: {results}/features/{encoder}/{training images}/{stage}.npy of the stages that are read
OUTPUTS: {results}/readouts/{encoder}/{readout}/{pattern}.safetensors, every seed inside

The readouts that one table adds to an encoder (a family) share one job; `readout` trains any other, by its path.
"""

for _family in [family for family in FAMILIES if not family.exact]:

    rule:
        name:
            f"readouts_{_family.encoder}_{_family.name}"
        input:
            features=feature_files(_family.encoder, RUN.images.train, _family.stages(ENCODERS[_family.encoder].stages)),
            stories=feature_files(
                _family.encoder, RUN.images.train, _family.stages(ENCODERS[_family.encoder].stages), "json"
            ),
        output:
            readout_files(_family.encoder, _family.patterns),
        log:
            f"{RESULTS}/logs/readouts/{_family.encoder}/{_family.name}.log",
        benchmark:
            f"{RESULTS}/benchmarks/readouts/{_family.encoder}/{_family.name}.tsv"
        # The longest jobs go first wherever they can: begun last, they would leave cores idle at the end.
        priority: int(any(readout.layers > 1 for readout in _family.patterns))
        conda:
            ENVIRONMENT
        threads: threads_for(8)
        resources:
            **needs_of_training(readout.name for readout in _family.patterns),
        params:
            **TRAINING,
            readouts=json.dumps({readout.name: patterns for readout, patterns in _family.patterns.items()}),
            output=lambda wildcards, output: str(Path(output[0]).parents[1]),
        shell:
            "python3 -m posinfo --log {log:q} readouts {params.readouts:q} --features {input.features:q}"
            " --seeds {params.seeds} --definition {params.definition} --training {params.training:q}"
            " --device {params.device} --threads {threads} --output {params.output:q}"


rule readout:
    """By the released protocol; heads share the reading of the features and nothing else."""
    input:
        features=lambda wildcards: feature_files(wildcards.encoder, RUN.images.train, stages_read(wildcards)),
        stories=lambda wildcards: feature_files(wildcards.encoder, RUN.images.train, stages_read(wildcards), "json"),
    output:
        readout_files("{encoder}", {"{readout}": PATTERNS}),
    log:
        f"{RESULTS}/logs/readouts/{{encoder}}/{{readout}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/readouts/{{encoder}}/{{readout}}.tsv"
    wildcard_constraints:
        readout="(?!exact-)[^/]+",
    conda:
        ENVIRONMENT
    threads: threads_for(8)
    resources:
        **needs(6, 4 * 60, gpus=1),
    params:
        **TRAINING,
        readouts=lambda wildcards: json.dumps({wildcards.readout: PATTERNS}),
        output=lambda wildcards, output: str(Path(output[0]).parents[1]),
    shell:
        "python3 -m posinfo --log {log:q} readouts {params.readouts:q} --features {input.features:q}"
        " --seeds {params.seeds} --definition {params.definition} --training {params.training:q}"
        " --device {params.device} --threads {threads} --output {params.output:q}"


# A path that belongs to a family is made by the family's rule.
for _family in [family for family in FAMILIES if not family.exact]:
    workflow.ruleorder(f"readouts_{_family.encoder}_{_family.name}", "readout")
