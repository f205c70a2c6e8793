"""Where position comes from: three experiments of the follow-up literature; docs/beyond.md defines them.

REQUIRED INPUTS: {resources}/encoders/{encoder}.safetensors, {results}/images/{images}.npy
OUTPUTS: {results}/origins/{experiment}/{condition}.csv (a row for each picture and seed) and .json; mean maps as .npz;
{results}/tables/{pooled,redgreen,uneven,foveation}.csv, .md, .tex; {results}/figures/{foveation,sides}.pdf, .png
"""


rule origin_pooled:
    """A photograph in a cell of an empty picture: does the mean over the deepest stage name the cell?"""
    input:
        weights=asks(PATHS.weights, "encoder"),
        images=each([RUN.images.train, RUN.images.natural], "npy"),
        names=each([RUN.images.train, RUN.images.natural], "csv"),
        stories=each([RUN.images.train, RUN.images.natural], "json"),
    output:
        rows=PATHS.measured("pooled", "{encoder}"),
        story=PATHS.measured("pooled", "{encoder}", "json"),
    log:
        PATHS.log("origins/pooled/{encoder}"),
    benchmark:
        PATHS.benchmark("origins/pooled/{encoder}")
    conda:
        ENVIRONMENT
    threads: threads_for(8)
    resources:
        **needs(4, gpus=1),
    params:
        entry=lambda wildcards: canonical_json(ENCODERS[wildcards.encoder]),
        weights=lambda wildcards, input: ["--weights", *input.weights] if input.weights else [],
        settings=RUN.origins.model_dump_json(include={"patch", "grids", "learnt", "tested"}),
        seeds=RUN.seeds,
        device=RUN.device,
        code=code_digest("experiments.pooled_location.pooled"),
    shell:
        "python3 -m posinfo --log {log:q} origin-pooled {wildcards.encoder:q} --entry {params.entry:q} {params.weights:q}"
        " --train {input.images[0]:q} --test {input.images[1]:q} --settings {params.settings:q} --seeds {params.seeds}"
        " --device {params.device} --threads {threads} --output {output.rows:q}"


rule origin_redgreen:
    """Small networks from scratch; a job for each padding."""
    output:
        rows=PATHS.measured("redgreen", "{padding}"),
        story=PATHS.measured("redgreen", "{padding}", "json"),
    log:
        PATHS.log("origins/redgreen/{padding}"),
    benchmark:
        PATHS.benchmark("origins/redgreen/{padding}")
    wildcard_constraints:
        padding="[a-z]+",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(2, gpus=1),
    params:
        settings=RUN.origins.model_dump_json(include={"starts", "examples", "epochs"}),
        device=RUN.device,
        code=code_digest("experiments.red_green.training"),
    shell:
        "python3 -m posinfo --log {log:q} origin-redgreen {wildcards.padding} --settings {params.settings:q}"
        " --device {params.device} --threads {threads} --output {output.rows:q}"


rule origin_sides:
    """Each picture with its mirror image, so that only the network can make left and right differ."""
    input:
        weights=asks(PATHS.weights, "encoder"),
        images=each([RUN.images.train, RUN.images.natural], "npy"),
        names=each([RUN.images.natural], "csv"),
        stories=each([RUN.images.train, RUN.images.natural], "json"),
    output:
        rows=PATHS.measured("uneven", "{encoder}"),
        story=PATHS.measured("uneven", "{encoder}", "json"),
        maps=PATHS.measured("uneven", "{encoder}", "npz"),
    log:
        PATHS.log("origins/uneven/{encoder}"),
    benchmark:
        PATHS.benchmark("origins/uneven/{encoder}")
    conda:
        ENVIRONMENT
    threads: threads_for(8)
    resources:
        **needs(4, gpus=1),
    params:
        entry=lambda wildcards: canonical_json(ENCODERS[wildcards.encoder]),
        weights=lambda wildcards, input: ["--weights", *input.weights] if input.weights else [],
        settings=RUN.origins.model_dump_json(include={"sides"}),
        device=RUN.device,
        code=code_digest("experiments.uneven_padding.sides"),
    shell:
        "python3 -m posinfo --log {log:q} origin-sides {wildcards.encoder:q} --entry {params.entry:q} {params.weights:q}"
        " --train {input.images[0]:q} --test {input.images[1]:q} --settings {params.settings:q}"
        " --device {params.device} --threads {threads} --output {output.rows:q}"


rule origin_table:
    """A line for each condition, with intervals, beside what is published."""
    input:
        rows=lambda wildcards: MADE_FROM.measured(wildcards.experiment),
        stories=lambda wildcards: paths.sidecars(MADE_FROM.measured(wildcards.experiment)),
    output:
        tidy=PATHS.table("{experiment}"),
        markdown=PATHS.table("{experiment}", "md"),
        latex=PATHS.table("{experiment}", "tex"),
    log:
        PATHS.log("tables/{experiment}"),
    benchmark:
        PATHS.benchmark("tables/{experiment}")
    wildcard_constraints:
        experiment="|".join(origins.EXPERIMENTS),
    group:
        "tables"
    conda:
        ENVIRONMENT
    params:
        published=lambda wildcards: digests("published", origins.EXPERIMENTS[wildcards.experiment].published or "none"),
        run=settings("models", "controls", "images", "origins", "own"),
        output=lambda wildcards, output: output.tidy.removesuffix(".csv"),
        code=[code_digest("experiments.uneven_padding.tables"), code_digest("tables.measured")],
    shell:
        "python3 -m posinfo --log {log:q} origin-table {wildcards.experiment} --rows {input.rows:q} --run {params.run:q}"
        " --output {params.output:q}"


rule foveation:
    """From architectures alone: no weights, no pictures."""
    output:
        tidy=PATHS.table("foveation"),
        markdown=PATHS.table("foveation", "md"),
        latex=PATHS.table("foveation", "tex"),
        pdf=PATHS.figure("foveation", "pdf"),
        png=report_figure("foveation", origins.DRAWN["foveation"]),
    log:
        PATHS.log("origins/foveation"),
    benchmark:
        PATHS.benchmark("origins/foveation")
    conda:
        ENVIRONMENT
    params:
        published=digests("published", "foveation.csv"),
        style=digests("posinfo/figures", "*.mplstyle"),
        run=settings("models", "controls", "images", "origins", "own"),
        table=lambda wildcards, output: output.tidy.removesuffix(".csv"),
        figure=lambda wildcards, output: output.pdf.removesuffix(".pdf"),
        code=[code_digest("experiments.uneven_padding.tables"), code_digest("experiments.uneven_padding.figures")],
    shell:
        "python3 -m posinfo --log {log:q} origin-foveation --run {params.run:q} --table {params.table:q}"
        " --figure {params.figure:q}"


rule figure_sides:
    """Mean maps, and the error of a readout at each side, for every side of the input."""
    input:
        rows=MADE_FROM.measured("uneven"),
        stories=paths.sidecars(MADE_FROM.measured("uneven")),
        maps=[path.replace("csv", "npz") for path in MADE_FROM.measured("uneven")],
    output:
        pdf=PATHS.figure("sides", "pdf"),
        png=report_figure("sides", origins.DRAWN["sides"]),
    log:
        PATHS.log("figures/sides"),
    benchmark:
        PATHS.benchmark("figures/sides")
    group:
        "figures"
    conda:
        ENVIRONMENT
    params:
        style=digests("posinfo/figures", "*.mplstyle"),
        output=lambda wildcards, output: output.pdf.removesuffix(".pdf"),
        code=[code_digest("experiments.uneven_padding.figures"), code_digest("experiments.uneven_padding.sides")],
    shell:
        "python3 -m posinfo --log {log:q} origin-figure --rows {input.rows:q} --output {params.output:q}"
