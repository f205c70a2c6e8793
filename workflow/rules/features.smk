"""One forward pass gives every stage of an encoder, for each set of images.

REQUIRED INPUTS: {resources}/encoders/{encoder}.safetensors, {results}/images/{images}.npy
OUTPUTS: {results}/features/{encoder}/{images}/{stage}.npy (float16 [N, C, h, w]) and .json (what it was made from)

An encoder has its own stages, so each encoder of the registry has its own rules: one for a set of images, and one that
takes the small synthetic sets together, since starting a process costs more than their few pictures.
"""

for _encoder, _entry in ENCODERS.items():
    for _group, _sets in (("", ["{images}"]), ("_synthetic", SYNTHETIC)):

        rule:
            name:
                f"features_{_encoder}{_group}"
            input:
                weights=PATHS.weights(_encoder),
                images=each(_sets, "npy"),
                stories=each(_sets, "json"),
            output:
                [
                    path
                    for suffix in ("npy", "json")
                    for images in _sets
                    for path in PATHS.features(_encoder, images, _entry.stages, suffix)
                ],
            log:
                PATHS.log(f"features/{_encoder}/{'synthetic' if _group else _sets[0]}"),
            benchmark:
                PATHS.benchmark(f"features/{_encoder}/{'synthetic' if _group else _sets[0]}")
            wildcard_constraints:
                images=ONE_SET,
            conda:
                ENVIRONMENT
            threads: threads_for(8)
            resources:
                **needs(6, 4 * 60, gpus=1),
            params:
                encoder=_encoder,
                weights=lambda wildcards, input: ["--weights", *input.weights] if input.weights else [],
                entry=decisive(_entry),
                alignment=RUN.alignment.model_dump_json(),
                device=RUN.device,
                output=lambda wildcards, output: str(Path(output[0]).parents[1]),
                code=code_digest("features.extraction"),
            shell:
                "python3 -m posinfo --log {log:q} features {params.encoder:q} {params.weights:q} --entry {params.entry:q}"
                " --images {input.images:q}"
                " --alignment {params.alignment:q} --device {params.device} --threads {threads} --output {params.output:q}"
