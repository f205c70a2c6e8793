"""Collect results into the paper's tables and our own, judge the claims, and check a run against committed values.

REQUIRED INPUTS: what each table names (posinfo/run/tables.py, posinfo/experiments/NAME): scores, measurements
OUTPUTS: <results>/tables/{table}.csv (tidy), .md and .tex (laid out as the paper prints it), under a table's name or
its alias; <results>/claims.csv, .md; <results>/verified.txt
"""


rule table:
    """A table. A missing cell is an error, never a mean over what is there."""
    input:
        shown=lambda wildcards: table_of(wildcards).inputs(RUN),
        sidecars=lambda wildcards: sidecars(table_of(wildcards).inputs(RUN)),
    output:
        tidy="<results>/tables/{table}.csv",
        markdown="<results>/tables/{table}.md",
        latex="<results>/tables/{table}.tex",
    log:
        "<logs>/tables/{table}.log",
    benchmark:
        "<benchmarks>/tables/{table}.tsv"
    group:
        "tables"
    conda:
        ENVIRONMENT
    params:
        run=lambda wildcards: settings_of(experiments_of(table_of(wildcards))),
        published=lambda wildcards: digests(*filter(None, [table_of(wildcards).published])),
        output=lambda wildcards, output: output.tidy.removesuffix(".csv"),
        code=lambda wildcards: [
            code("tables.commands:table"),
            code(table_of(wildcards).build),
            *code_of(experiments_of(table_of(wildcards))),
        ],
    shell:
        "python3 -m posinfo --log {log:q} table {wildcards.table:q} --inputs {input.shown:q} --run {params.run:q}"
        " --output {params.output:q}"


rule tables:
    """Every table."""
    input:
        expand("<results>/tables/{table}.{suffix}", table=TABLES, suffix=["csv", "md", "tex"]),
    localrule: True


rule claims:
    """The judged claims. Claims are data, in claims.yaml of the core and of each experiment."""
    input:
        shown=lambda wildcards: INPUTS.claimed(),
        sidecars=lambda wildcards: sidecars(INPUTS.claimed()),
    output:
        tidy="<results>/claims.csv",
        markdown="<results>/claims.md",
    log:
        "<logs>/claims.log",
    benchmark:
        "<benchmarks>/claims.tsv"
    group:
        "tables"
    conda:
        ENVIRONMENT
    params:
        run=lambda wildcards: settings_of(RUN.switched_on),
        published=digests(*shown.claim_files(RUN), *shown.published_files(RUN)),
        output=lambda wildcards, output: output.tidy.removesuffix(".csv"),
        code=lambda wildcards: [
            code("tables.commands:claims"),
            *code_of(RUN.switched_on),
            *(code(measurement.rows) for measurement in shown.measurements(RUN).values()),
            *(code(measurement.printed) for measurement in shown.measurements(RUN).values()),
        ],
    shell:
        "python3 -m posinfo --log {log:q} claims --inputs {input.shown:q} --run {params.run:q} --output {params.output:q}"


rule verify:
    """Names every cell that differs from the committed values by more than the tolerances."""
    input:
        [f"<results>/tables/{table}.csv" for table in TABLES if (EXPECTED / f"{table}.csv").exists()],
    output:
        "<results>/verified.txt",
    log:
        "<logs>/verify.log",
    conda:
        ENVIRONMENT
    params:
        expected=digests(*sorted(EXPECTED.glob("*.csv"))),
        folder=lambda wildcards: str(EXPECTED),
        code=lambda wildcards: code("tables.commands:verify"),
    shell:
        "python3 -m posinfo --log {log:q} verify --tables {input:q} --expected {params.folder:q} --output {output:q}"
