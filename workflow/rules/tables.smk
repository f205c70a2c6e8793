"""Collect scores into the paper's tables, beside the published numbers.

REQUIRED INPUTS: {results}/scores/{encoder}/{readout}/{images}.csv of every cell
OUTPUTS: {results}/tables/{table}.csv (tidy), .md and .tex (laid out as the paper prints it)
"""


rule table:
    """Mean over images and seeds, sd over seeds; a missing cell is an error."""
    input:
        scores_of,
    output:
        tidy=f"{RESULTS}/tables/{{table}}.csv",
        markdown=f"{RESULTS}/tables/{{table}}.md",
        latex=f"{RESULTS}/tables/{{table}}.tex",
    log:
        f"{RESULTS}/logs/tables/{{table}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tables/{{table}}.tsv"
    conda:
        ENVIRONMENT
    params:
        published=lambda wildcards: sha256_of(WORKFLOW / "published" / f"{wildcards.table}.csv")[:16],
        run=RUN.model_dump_json(include={"models", "images", "patterns"}),
        titles=lambda wildcards: [ENCODERS[cell.encoder].title for cell in cells_of(wildcards)],
        output=lambda wildcards, output: output.tidy.removesuffix(".csv"),
        code=code_digest("tables"),
    shell:
        "python3 -m posinfo --log {log:q} table {wildcards.table:q} --scores {input:q}"
        " --run {params.run:q} --output {params.output:q}"


rule tables:
    """Every table."""
    input:
        expand(f"{RESULTS}/tables/{{table}}.csv", table=cells.TABLES),
    localrule: True
