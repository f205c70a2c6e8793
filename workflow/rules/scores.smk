"""Score predicted maps against the ground truth, per image.

REQUIRED INPUTS: a trained readout, {results}/features/{encoder}/{images}/{stage}.npy
OUTPUTS: {results}/scores/{encoder}/{readout}/{images}.csv, tidy: pattern, seed, image, spc, mae, constant
"""

for _group, _sets in (("", ["{images}"]), ("_synthetic", SYNTHETIC)):

    rule:
        name:
            f"scores{_group}"
        input:
            readouts=expand(
                f"{RESULTS}/readouts/{{{{encoder}}}}/{{{{readout}}}}/{{pattern}}.safetensors", pattern=PATTERNS
            ),
            names=[f"{RESULTS}/images/{images}.csv" for images in _sets],
            features=lambda wildcards, sets=_sets: [
                path
                for images in sets
                for path in feature_files(wildcards.encoder, images.format(**wildcards), stages_read(wildcards))
            ],
            stories=lambda wildcards, sets=_sets: [
                path
                for images in sets
                for path in feature_files(
                    wildcards.encoder, images.format(**wildcards), stages_read(wildcards), "json"
                )
            ],
        output:
            [f"{RESULTS}/scores/{{encoder}}/{{readout}}/{images}.csv" for images in _sets],
        log:
            f"{RESULTS}/logs/scores/{{encoder}}/{{readout}}/{_sets[0] if not _group else 'synthetic'}.log",
        benchmark:
            f"{RESULTS}/benchmarks/scores/{{encoder}}/{{readout}}/{_sets[0] if not _group else 'synthetic'}.tsv"
        wildcard_constraints:
            images="|".join(sorted(set(registry.image_sets()) - set(SYNTHETIC))),
        conda:
            ENVIRONMENT
        threads: 1
        params:
            device=RUN.device,
            output=lambda wildcards, output: str(Path(output[0]).parent),
            code=code_digest("scores"),
        shell:
            "python3 -m posinfo --log {log:q} scores --readouts {input.readouts:q} --images {input.names:q}"
            " --features {input.features:q} --device {params.device} --threads {threads} --output {params.output:q}"
