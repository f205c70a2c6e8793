"""Judge the paper's claims, and check a run against the default run's committed values.

REQUIRED INPUTS: {results}/scores/{encoder}/{readout}/{images}.csv of every table, {results}/tables/{table}.csv
OUTPUTS: {results}/claims.csv, {results}/claims.md, {results}/verified.txt
"""


rule claims:
    """Holds, fails or undecided: the claims are data, in workflow/published/claims.yaml."""
    input:
        scores=all_scores(),
        stories=sidecars(all_scores()),
        pictures=pictures_of_tasks("csv"),
        vouched=pictures_of_tasks("json"),
    output:
        tidy=f"{RESULTS}/claims.csv",
        markdown=f"{RESULTS}/claims.md",
    log:
        f"{RESULTS}/logs/claims.log",
    benchmark:
        f"{RESULTS}/benchmarks/claims.tsv"
    group:
        "tables"
    conda:
        ENVIRONMENT
    params:
        published=[sha256_of(path)[:16] for path in sorted((WORKFLOW / "published").iterdir())],
        run=TABLE_SETTINGS,
        pictures=lambda wildcards, input: str(Path(input.pictures[0]).parent),
        output=lambda wildcards, output: output.tidy.removesuffix(".csv"),
        code=code_digest("claims"),
    shell:
        "python3 -m posinfo --log {log:q} claims --scores {input.scores:q} --pictures {params.pictures:q}"
        " --run {params.run:q} --output {params.output:q}"


rule verify:
    """Names every cell that differs from the committed values by more than the tolerances."""
    input:
        expand(f"{RESULTS}/tables/{{table}}.csv", table=[table for table in cells.TABLES if table in EXPECTED]),
    output:
        f"{RESULTS}/verified.txt",
    log:
        f"{RESULTS}/logs/verify.log",
    conda:
        ENVIRONMENT
    params:
        expected=[sha256_of(path)[:16] for path in sorted((WORKFLOW / "expected").glob("*.csv"))],
        code=code_digest("verify"),
    shell:
        "python3 -m posinfo --log {log:q} verify --tables {input:q} --output {output:q}"
