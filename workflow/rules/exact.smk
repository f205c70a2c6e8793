"""Solve linear readouts by least squares: every pattern, stage and kernel from one pass over the features.

REQUIRED INPUTS: {results}/features/{encoder}/{training images}/{stage}.npy, {results}/images/{training images}.csv
OUTPUTS: {results}/readouts/{encoder}/{readout}/{pattern}.safetensors, one solution inside, for readouts `exact-...`

As for training, the readouts that a table adds to an encoder share one job; `readout_exact` solves any other, by its path.
"""

for _family in [family for family in FAMILIES if family.exact]:

    rule:
        name:
            f"readouts_{_family.encoder}_{_family.name}"
        input:
            names=f"{RESULTS}/images/{RUN.images.train}.csv",
            listing=f"{RESULTS}/images/{RUN.images.train}.json",
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
        priority: 1  # as long as layered readouts are
        conda:
            ENVIRONMENT
        threads: threads_for(8)
        resources:
            **needs(6, 4 * 60, gpus=1),
        params:
            **EXACT,
            readouts=json.dumps({readout.name: patterns for readout, patterns in _family.patterns.items()}),
            output=lambda wildcards, output: str(Path(output[0]).parents[1]),
        shell:
            "python3 -m posinfo --log {log:q} exact {params.readouts:q} --features {input.features:q}"
            " --images {input.names:q} --seed {params.seed} --definition {params.definition}"
            " --training {params.training:q} --device {params.device} --threads {threads} --output {params.output:q}"


rule readout_exact:
    """Of a readout that no table shows, such as exact-k3-p1-all."""
    input:
        names=f"{RESULTS}/images/{RUN.images.train}.csv",
        listing=f"{RESULTS}/images/{RUN.images.train}.json",
        features=lambda wildcards: feature_files(wildcards.encoder, RUN.images.train, stages_read(wildcards)),
        stories=lambda wildcards: feature_files(wildcards.encoder, RUN.images.train, stages_read(wildcards), "json"),
    output:
        readout_files("{encoder}", {"{readout}": PATTERNS}),
    log:
        f"{RESULTS}/logs/readouts/{{encoder}}/{{readout}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/readouts/{{encoder}}/{{readout}}.tsv"
    wildcard_constraints:
        readout="exact-[^/]+",
    conda:
        ENVIRONMENT
    threads: threads_for(8)
    resources:
        **needs(6, 4 * 60, gpus=1),
    params:
        **EXACT,
        readouts=lambda wildcards: json.dumps({wildcards.readout: PATTERNS}),
        output=lambda wildcards, output: str(Path(output[0]).parents[1]),
    shell:
        "python3 -m posinfo --log {log:q} exact {params.readouts:q} --features {input.features:q}"
        " --images {input.names:q} --seed {params.seed} --definition {params.definition}"
        " --training {params.training:q} --device {params.device} --threads {threads} --output {params.output:q}"


for _family in [family for family in FAMILIES if family.exact]:
    workflow.ruleorder(f"readouts_{_family.encoder}_{_family.name}", "readout_exact")
