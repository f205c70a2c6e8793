"""Collect scores into the paper's tables and our own, judge the paper's claims, and check a run against committed values.

REQUIRED INPUTS: {results}/scores/{encoder}/{readout}/{images}.csv of every cell; metrics of trained encoders
OUTPUTS: {results}/tables/{table}.csv (tidy), .md and .tex (laid out as the paper prints it), each also under its alias;
{results}/claims.csv, .md; {results}/verified.txt
"""


rule table:
    """Mean over images and seeds, sd over seeds; a missing cell is an error."""
    input:
        scores=asks(MADE_FROM.scores_of_table, "table"),
        stories=lambda wildcards: paths.sidecars(MADE_FROM.scores_of_table(wildcards.table)),
    output:
        tidy=PATHS.table("{table}"),
        markdown=PATHS.table("{table}", "md"),
        latex=PATHS.table("{table}", "tex"),
    log:
        PATHS.log("tables/{table}"),
    benchmark:
        PATHS.benchmark("tables/{table}")
    wildcard_constraints:
        table=f"(?!({'|'.join([*inputs.ALL_ALIASES, *tasks.TASK_TABLES, families.ATLAS, *origins.TABLES])})\\.)[^/.]+",
    group:
        "tables"
    conda:
        ENVIRONMENT
    params:
        published=lambda wildcards: digests("published", tables.TABLES[wildcards.table].published or "none"),
        run=settings("models", "controls", "images", "patterns", "training", "tasks", "own"),
        titles=lambda wildcards: [ENCODERS[cell.encoder].title for cell in tables.TABLES[wildcards.table].cells(RUN)],
        output=lambda wildcards, output: output.tidy.removesuffix(".csv"),
        benchmarks=f"{RUN.results}/benchmarks",
        code=[code_digest("tables.summaries"), code_digest("tables.layouts")],
    shell:
        "python3 -m posinfo --log {log:q} table {wildcards.table:q} --scores {input.scores:q} --run {params.run:q}"
        " --benchmarks {params.benchmarks:q} --output {params.output:q}"


rule task_table:
    """How well encoders with and without padding do what they were trained for."""
    input:
        metrics=asks(MADE_FROM.metrics_of_table, "table"),
        stories=lambda wildcards: paths.sidecars(MADE_FROM.metrics_of_table(wildcards.table)),
    output:
        tidy=PATHS.table("{table}"),
        markdown=PATHS.table("{table}", "md"),
        latex=PATHS.table("{table}", "tex"),
    log:
        PATHS.log("tables/{table}"),
    benchmark:
        PATHS.benchmark("tables/{table}")
    wildcard_constraints:
        table="|".join(tasks.TASK_TABLES),
    group:
        "tables"
    conda:
        ENVIRONMENT
    params:
        published=lambda wildcards: digests("published", tasks.TASK_TABLES[wildcards.table].published or "none"),
        run=settings("tasks", "images", "own"),
        titles=lambda wildcards: [
            ENCODERS[RUN.tasks.encoders[role]].title for role in tasks.TASK_TABLES[wildcards.table].models.values()
        ],
        output=lambda wildcards, output: output.tidy.removesuffix(".csv"),
        code=code_digest("tables.tasks"),
    shell:
        "python3 -m posinfo --log {log:q} task-table {wildcards.table:q} --metrics {input.metrics:q} --run {params.run:q}"
        " --output {params.output:q}"


rule alias:
    """The same table under a name that a person would guess."""
    input:
        lambda wildcards: PATHS.table(inputs.ALL_ALIASES[wildcards.alias], wildcards.suffix),
    output:
        PATHS.table("{alias}", "{suffix}"),
    log:
        PATHS.log("tables/{alias}.{suffix}"),
    wildcard_constraints:
        alias="|".join(inputs.ALL_ALIASES),
        suffix="csv|md|tex",
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "cp {input:q} {output:q} 2> {log:q}"


rule tables:
    """Every table, under both its names."""
    input:
        [
            PATHS.table(table, suffix)
            for table in [*inputs.ALL_TABLES, *inputs.ALL_ALIASES, *origins.TABLES]
            for suffix in ("csv", "md", "tex")
        ],
    localrule: True


rule claims:
    """Holds, fails or undecided: the claims are data, in workflow/published/claims.yaml."""
    input:
        scores=MADE_FROM.all_scores(),
        stories=paths.sidecars(MADE_FROM.all_scores()),
        pictures=MADE_FROM.pictures_of_tasks("csv"),
        vouched=MADE_FROM.pictures_of_tasks("json"),
        measured=MADE_FROM.all_measured(),
        told=paths.sidecars(MADE_FROM.all_measured()),
    output:
        tidy=PATHS.whole("claims.csv"),
        markdown=PATHS.whole("claims.md"),
    log:
        PATHS.log("claims"),
    benchmark:
        PATHS.benchmark("claims")
    group:
        "tables"
    conda:
        ENVIRONMENT
    params:
        published=digests("published"),
        run=settings("models", "controls", "images", "patterns", "training", "tasks", "own"),
        pictures=lambda wildcards, input: str(Path(input.pictures[0]).parent),
        output=lambda wildcards, output: output.tidy.removesuffix(".csv"),
        code=code_digest("tables.claims"),
    shell:
        "python3 -m posinfo --log {log:q} claims --scores {input.scores:q} --pictures {params.pictures:q}"
        " --measured {input.measured:q} --run {params.run:q} --output {params.output:q}"


rule verify:
    """Names every cell that differs from the committed values by more than the tolerances."""
    input:
        [PATHS.table(table) for table in tables.TABLES if (EXPECTED / f"{table}.csv").exists()],
    output:
        PATHS.whole("verified.txt"),
    log:
        PATHS.log("verify"),
    conda:
        ENVIRONMENT
    params:
        expected=digests(f"expected/{RUN.expected}", "*.csv"),
        folder=str(EXPECTED),
        code=code_digest("tables.verify"),
    shell:
        "python3 -m posinfo --log {log:q} verify --tables {input:q} --expected {params.folder:q} --output {output:q}"
