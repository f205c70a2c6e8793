"""Train readouts, every pattern and every seed in the same passes over the features; or solve them by least squares.

REQUIRED INPUTS: {results}/features/{encoder}/{training images}/{stage}.npy of the stages that are read
OUTPUTS: {results}/readouts/{encoder}/{readout}/{pattern}.safetensors, every seed inside; one solution for `exact-...`

The readouts that one table adds to an encoder (a family) share one job; any other readout is made by its path.
"""


def _needs(job):
    """Several layers at the released width are what takes memory and days."""
    wide = RUN.training.hidden == "same" and job.long and not job.exact
    return needs(32, 24 * 60, gpus=1) if wide else needs(6, 4 * 60, gpus=1)


def _how(job):
    """The command of a job and what it depends on beside features and readouts; what is solved draws nothing."""
    common = {"definition": RUN.patterns, "device": RUN.device}
    if job.exact:
        scale = RUN.training.model_dump_json(include={"scale"})
        return {
            "command": "exact",
            "seeds": RUN.seeds[:1],
            "training": scale,
            "code": code_digest("experiments.least_squares.solution"),
            **common,
        }
    training = RUN.training.model_dump_json()
    return {
        "command": "readouts",
        "seeds": RUN.seeds,
        "training": training,
        "code": code_digest("readouts.training"),
        **common,
    }


for _job in JOBS:

    rule:
        name:
            f"readouts_{_job.rule}"
        input:
            names=each([RUN.images.train], "csv") if _job.exact else [],
            listing=each([RUN.images.train], "json") if _job.exact else [],
            features=features_of(_job, [RUN.images.train]),
            stories=features_of(_job, [RUN.images.train], "json"),
        output:
            PATHS.readouts(_job.encoder, _job.patterns),
        log:
            PATHS.log(f"readouts/{_job.encoder}/{_job.label}"),
        benchmark:
            PATHS.benchmark(f"readouts/{_job.encoder}/{_job.label}")
        wildcard_constraints:
            readout="exact-[^/]+" if _job.exact else "(?!exact-)[^/]+",
        priority: int(_job.long)
        conda:
            ENVIRONMENT
        threads: threads_for(8)
        resources:
            **_needs(_job),
        params:
            **_how(_job),
            readouts=json.dumps(_job.patterns),
            images=lambda wildcards, input: ["--images", *input.names] if input.names else [],
            output=lambda wildcards, output: str(Path(output[0]).parents[1]),
        shell:
            "python3 -m posinfo --log {log:q} {params.command} {params.readouts:q} --features {input.features:q}"
            " {params.images:q} --seeds {params.seeds} --definition {params.definition} --training {params.training:q}"
            " --device {params.device} --threads {threads} --output {params.output:q}"


# A path that belongs to a family is made by the family's rule.
workflow.ruleorder(*[f"readouts_{job.rule}" for job in JOBS])
