"""Collect scores into the paper's tables and our own, beside the published numbers.

REQUIRED INPUTS: {results}/scores/{encoder}/{readout}/{images}.csv of every cell
OUTPUTS: {results}/tables/{table}.csv (tidy), .md and .tex (laid out as the paper prints it), each also under its alias
"""


rule table:
    """Mean over images and seeds, sd over seeds; a missing cell is an error."""
    input:
        scores=scores_of,
        stories=lambda wildcards: sidecars(scores_of(wildcards)),
    output:
        tidy=f"{RESULTS}/tables/{{table}}.csv",
        markdown=f"{RESULTS}/tables/{{table}}.md",
        latex=f"{RESULTS}/tables/{{table}}.tex",
    log:
        f"{RESULTS}/logs/tables/{{table}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tables/{{table}}.tsv"
    wildcard_constraints:
        table=f"(?!({'|'.join([*ALIASES, *tasks.TASK_TABLES])})\\.)[^/.]+",
    group:
        "tables"
    conda:
        ENVIRONMENT
    params:
        published=published_digest,
        run=TABLE_SETTINGS,
        titles=lambda wildcards: [ENCODERS[cell.encoder].title for cell in cells_of(wildcards)],
        output=lambda wildcards, output: output.tidy.removesuffix(".csv"),
        benchmarks=f"{RESULTS}/benchmarks",
        code=[code_digest("tables"), code_digest("layouts")],
    shell:
        "python3 -m posinfo --log {log:q} table {wildcards.table:q} --scores {input.scores:q} --run {params.run:q}"
        " --benchmarks {params.benchmarks:q} --output {params.output:q}"


rule task_table:
    """How well encoders with and without padding do what they were trained for."""
    input:
        metrics=metrics_of_table,
        stories=lambda wildcards: sidecars(metrics_of_table(wildcards)),
    output:
        tidy=f"{RESULTS}/tables/{{table}}.csv",
        markdown=f"{RESULTS}/tables/{{table}}.md",
        latex=f"{RESULTS}/tables/{{table}}.tex",
    log:
        f"{RESULTS}/logs/tables/{{table}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tables/{{table}}.tsv"
    wildcard_constraints:
        table="|".join(tasks.TASK_TABLES),
    group:
        "tables"
    conda:
        ENVIRONMENT
    params:
        published=lambda wildcards: sha256_of(WORKFLOW / "published" / tasks.TASK_TABLES[wildcards.table].published)[
            :16
        ],
        run=RUN.model_dump_json(include={"tasks", "images", "own"}),
        titles=lambda wildcards: [
            ENCODERS[RUN.tasks.encoders[role]].title for role in tasks.TASK_TABLES[wildcards.table].models.values()
        ],
        output=lambda wildcards, output: output.tidy.removesuffix(".csv"),
        code=code_digest("task_tables"),
    shell:
        "python3 -m posinfo --log {log:q} task-table {wildcards.table:q} --metrics {input.metrics:q} --run {params.run:q}"
        " --output {params.output:q}"


rule alias:
    """The same table under a name that a person would guess."""
    input:
        lambda wildcards: f"{RESULTS}/tables/{ALIASES[wildcards.alias]}.{wildcards.suffix}",
    output:
        f"{RESULTS}/tables/{{alias}}.{{suffix}}",
    log:
        f"{RESULTS}/logs/tables/{{alias}}.{{suffix}}.log",
    wildcard_constraints:
        alias="|".join(ALIASES),
        suffix="csv|md|tex",
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "cp {input:q} {output:q} 2> {log:q}"


rule tables:
    """Every table, under both its names."""
    input:
        expand(
            f"{RESULTS}/tables/{{table}}.{{suffix}}",
            table=[*ALL_TABLES, *ALIASES],
            suffix=["csv", "md", "tex"],
        ),
    localrule: True
