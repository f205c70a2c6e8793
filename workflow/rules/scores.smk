"""Score predicted maps against the ground truth, per image; keep the few that figures show; and the learning curve.

REQUIRED INPUTS: trained readouts, {results}/features/{encoder}/{images}/{stage}.npy
OUTPUTS: {results}/scores/{encoder}/{readout}/{images}.csv, tidy: pattern, seed, image, spc, mae, constant; .json
{results}/predictions/{encoder}/{readout}/{images}.npz; {results}/learning_curve.csv

As for training, the readouts of a family share one job, and so do the small synthetic sets.
"""

# Scores do not ask how a readout was made, so one rule serves every path that no family makes.
SCORED = [
    (job, group, sets)
    for job in JOBS
    for group, sets in (("", ["{images}"]), ("_synthetic", SYNTHETIC))
    if job.family or not (job.exact or group)
]

for _job, _group, _sets in SCORED:

    rule:
        name:
            f"scores_{_job.rule}{_group}"
        input:
            readouts=PATHS.readouts(_job.encoder, _job.patterns),
            names=each(_sets, "csv"),
            listings=each(_sets, "json"),
            features=features_of(_job, _sets),
            stories=features_of(_job, _sets, "json"),
        output:
            PATHS.scores(_job.encoder, _job.patterns, _sets),
            PATHS.scores(_job.encoder, _job.patterns, _sets, "json"),
        log:
            PATHS.log(f"scores/{_job.encoder}/{_job.label}/{'synthetic' if _group else _sets[0]}"),
        benchmark:
            PATHS.benchmark(f"scores/{_job.encoder}/{_job.label}/{'synthetic' if _group else _sets[0]}")
        wildcard_constraints:
            images=ONE_SET if _job.family else "[^/]+",
        group:
            f"scores_{_job.rule}"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            **needs(4, gpus=1),
        params:
            device=RUN.device,
            output=lambda wildcards, output: str(Path(output[0]).parents[1]),
            code=code_digest("scores.measures"),
        shell:
            "python3 -m posinfo --log {log:q} scores --readouts {input.readouts:q} --images {input.names:q}"
            " --features {input.features:q} --device {params.device} --threads {threads} --output {params.output:q}"


workflow.ruleorder(*[f"scores_{job.rule}{group}" for job, group, _ in SCORED])


for _encoder, _maps in MADE_FROM.maps.items():

    rule:
        name:
            f"predictions_{_encoder}"
        input:
            readouts=MADE_FROM.readouts_drawn(_encoder),
            names=each(MADE_FROM.sets_drawn(_encoder), "csv"),
            listings=each(MADE_FROM.sets_drawn(_encoder), "json"),
            features=[
                path
                for images in MADE_FROM.sets_drawn(_encoder)
                for path in PATHS.features(_encoder, images, ENCODERS[_encoder].stages)
            ],
            stories=[
                path
                for images in MADE_FROM.sets_drawn(_encoder)
                for path in PATHS.features(_encoder, images, ENCODERS[_encoder].stages, "json")
            ],
        output:
            MADE_FROM.map_files(_encoder),
            paths.sidecars(MADE_FROM.map_files(_encoder)),
        log:
            PATHS.log(f"predictions/{_encoder}"),
        benchmark:
            PATHS.benchmark(f"predictions/{_encoder}")
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            **needs(4, gpus=1),
        params:
            maps=json.dumps(_maps),
            seed=RUN.seeds[0],
            device=RUN.device,
            output=lambda wildcards, output: str(Path(output[0]).parents[1]),
            shown=figures_.SHOWN,
            code=[code_digest("scores.predictions"), code_digest("images.views")],
        shell:
            "python3 -m posinfo --log {log:q} predictions {params.maps:q} --readouts {input.readouts:q}"
            " --images {input.names:q} --features {input.features:q} --seed {params.seed}"
            " --device {params.device} --threads {threads} --output {params.output:q}"


rule learning_curve:
    """Trains on parts of the photographs (config: curve); the whole has its scores already."""
    input:
        train=PATHS.images(RUN.images.train, "csv"),
        test=PATHS.images(RUN.images.natural, "csv"),
        features=MADE_FROM.on_curve([RUN.images.train, RUN.images.natural]),
        stories=MADE_FROM.on_curve([RUN.images.train, RUN.images.natural], "json"),
        scores=MADE_FROM.scores_of_curve(),
        listings=each([RUN.images.train, RUN.images.natural], "json") + paths.sidecars(MADE_FROM.scores_of_curve()),
    output:
        table=PATHS.whole("learning_curve.csv"),
        story=PATHS.whole("learning_curve.json"),
    log:
        PATHS.log("learning_curve"),
    benchmark:
        PATHS.benchmark("learning_curve")
    conda:
        ENVIRONMENT
    threads: threads_for(8)
    resources:
        **needs(6, 4 * 60, gpus=1),
    params:
        readout=cells.BASE.name,
        run=settings("seeds", "patterns", "training", "curve"),
        device=RUN.device,
        code=code_digest("scores.learning_curve"),
    shell:
        "python3 -m posinfo --log {log:q} learning-curve {params.readout:q} --patterns H G --features {input.features:q}"
        " --train {input.train:q} --test {input.test:q} --scores {input.scores:q} --run {params.run:q}"
        " --device {params.device} --threads {threads} --output {output.table:q}"
