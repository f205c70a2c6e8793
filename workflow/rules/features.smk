"""One forward pass gives every stage of an encoder, for each set of images.

REQUIRED INPUTS: {resources}/encoders/{encoder}.safetensors, {results}/images/{images}.npy
OUTPUTS: {results}/features/{encoder}/{images}/{stage}.npy ([N, C, h, w], float16, or float32 where that is too coarse)
and .json (what it was made from)

An encoder has its own stages, so each encoder of the registry has its own rules: one for a set of images, and one that
takes the small synthetic sets together, since starting a process costs more than their few pictures. Encoders that differ
only in how their maps are cut or resized share one forward pass.
"""

for _encoders in MADE_FROM.passes():
    for _group, _sets in (("", ["{images}"]), ("_synthetic", SYNTHETIC)):

        rule:
            name:
                f"features_{_encoders[0]}{_group}"
            input:
                weights=PATHS.weights(_encoders[0]),
                images=each(_sets, "npy"),
                stories=each(_sets, "json"),
            output:
                [
                    path
                    for suffix in ("npy", "json")
                    for encoder in _encoders
                    for images in _sets
                    for path in PATHS.features(encoder, images, ENCODERS[encoder].stages, suffix)
                ],
            log:
                PATHS.log(f"features/{_encoders[0]}/{'synthetic' if _group else _sets[0]}"),
            benchmark:
                PATHS.benchmark(f"features/{_encoders[0]}/{'synthetic' if _group else _sets[0]}")
            wildcard_constraints:
                images=ONE_SET,
            conda:
                ENVIRONMENT
            threads: threads_for(8)
            resources:
                **needs(6, 4 * 60, gpus=1),
            params:
                encoders=json.dumps({encoder: json.loads(canonical_json(ENCODERS[encoder])) for encoder in _encoders}),
                weights=lambda wildcards, input: ["--weights", *input.weights] if input.weights else [],
                alignment=RUN.alignment.model_dump_json(),
                device=RUN.device,
                output=lambda wildcards, output: str(Path(output[0]).parents[2]),
                code=code_digest("features.extraction"),
            shell:
                "python3 -m posinfo --log {log:q} features {params.encoders:q} {params.weights:q} --images {input.images:q}"
                " --alignment {params.alignment:q} --device {params.device} --threads {threads} --output {params.output:q}"
