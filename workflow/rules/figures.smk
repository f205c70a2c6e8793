"""Draw a run's numbers, with intervals, beside the paper's.

REQUIRED INPUTS: {results}/scores/{encoder}/{readout}/{images}.csv of the tables that a figure shows
OUTPUTS: {results}/figures/{figure}.pdf (vector) and .png
"""


rule figure:
    """In one style; a missing cell is an error."""
    input:
        scores_of_figure,
    output:
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
        png=f"{RESULTS}/figures/{{figure}}.png",
    log:
        f"{RESULTS}/logs/figures/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/{{figure}}.tsv"
    wildcard_constraints:
        figure=r"[^/.]+",
    conda:
        ENVIRONMENT
    params:
        published=[sha256_of(path)[:16] for path in sorted((WORKFLOW / "published").glob("*.csv"))],
        style=sha256_of(WORKFLOW / "posinfo" / "posinfo.mplstyle")[:16],
        run=TABLE_SETTINGS,
        code=code_digest("figures"),
    shell:
        "python3 -m posinfo --log {log:q} figure {wildcards.figure:q} --scores {input:q} --run {params.run:q}"
        " --pdf {output.pdf:q} --png {output.png:q}"


rule figures:
    """Every figure."""
    input:
        expand(f"{RESULTS}/figures/{{figure}}.{{suffix}}", figure=cells.FIGURES, suffix=["pdf", "png"]),
    localrule: True
