"""Score predicted maps against the ground truth, per image.

REQUIRED INPUTS: trained readouts, {results}/features/{encoder}/{images}/{stage}.npy
OUTPUTS: {results}/scores/{encoder}/{readout}/{images}.csv, tidy: pattern, seed, image, spc, mae, constant; .json

As for training, the readouts of a family share one job, and so do the small synthetic sets.
"""

for _family in FAMILIES:
    for _group, _sets in (("", ["{images}"]), ("_synthetic", SYNTHETIC)):

        rule:
            name:
                f"scores_{_family.encoder}_{_family.name}{_group}"
            input:
                readouts=readout_files(_family.encoder, _family.patterns),
                names=image_files(_sets, "csv"),
                listings=image_files(_sets, "json"),
                features=[
                    path
                    for images in _sets
                    for path in feature_files(
                        _family.encoder, images, _family.stages(ENCODERS[_family.encoder].stages)
                    )
                ],
                stories=[
                    path
                    for images in _sets
                    for path in feature_files(
                        _family.encoder, images, _family.stages(ENCODERS[_family.encoder].stages), "json"
                    )
                ],
            output:
                score_files(_family.encoder, [readout.name for readout in _family.patterns], _sets),
                score_files(_family.encoder, [readout.name for readout in _family.patterns], _sets, "json"),
            log:
                f"{RESULTS}/logs/scores/{_family.encoder}/{_family.name}/{_sets[0] if not _group else 'synthetic'}.log",
            benchmark:
                f"{RESULTS}/benchmarks/scores/{_family.encoder}/{_family.name}/{_sets[0] if not _group else 'synthetic'}.tsv"
            wildcard_constraints:
                images=ONE_SET,
            group:
                f"scores_{_family.encoder}_{_family.name}"
            conda:
                ENVIRONMENT
            threads: 1
            resources:
                **needs(4, gpus=1),
            params:
                device=RUN.device,
                output=lambda wildcards, output: str(Path(output[0]).parents[1]),
                code=code_digest("scores"),
            shell:
                "python3 -m posinfo --log {log:q} scores --readouts {input.readouts:q} --images {input.names:q}"
                " --features {input.features:q} --device {params.device} --threads {threads} --output {params.output:q}"


rule scores:
    """Of a readout that no table shows."""
    input:
        readouts=readout_files("{encoder}", {"{readout}": PATTERNS}),
        names=image_files(["{images}"], "csv"),
        listings=image_files(["{images}"], "json"),
        features=lambda wildcards: feature_files(wildcards.encoder, wildcards.images, stages_read(wildcards)),
        stories=lambda wildcards: feature_files(wildcards.encoder, wildcards.images, stages_read(wildcards), "json"),
    output:
        score_files("{encoder}", ["{readout}"], ["{images}"]),
        score_files("{encoder}", ["{readout}"], ["{images}"], "json"),
    log:
        f"{RESULTS}/logs/scores/{{encoder}}/{{readout}}/{{images}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/scores/{{encoder}}/{{readout}}/{{images}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(4, gpus=1),
    params:
        device=RUN.device,
        output=lambda wildcards, output: str(Path(output[0]).parents[1]),
        code=code_digest("scores"),
    shell:
        "python3 -m posinfo --log {log:q} scores --readouts {input.readouts:q} --images {input.names:q}"
        " --features {input.features:q} --device {params.device} --threads {threads} --output {params.output:q}"


for _family in FAMILIES:
    for _group in ("", "_synthetic"):
        workflow.ruleorder(f"scores_{_family.encoder}_{_family.name}{_group}", "scores")
