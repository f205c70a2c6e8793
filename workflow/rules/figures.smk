"""Draw a run's maps and numbers, beside the paper's.

REQUIRED INPUTS: what posinfo/displays.py names: scores, predicted maps, images, sidecars, losses, the learning curve
OUTPUTS: {results}/figures/{figure}.pdf (vector) and .png

Each figure has its own rule, since each has its own caption in the report.
"""

for _figure in displays.FIGURES:

    rule:
        name:
            f"figure_{_figure}"
        input:
            shown=inputs_of_figure(_figure),
            stories=sidecars(inputs_of_figure(_figure)),
        output:
            pdf=f"{RESULTS}/figures/{_figure}.pdf",
            png=report(
                f"{RESULTS}/figures/{_figure}.png",
                caption=f"../report/{_figure}.rst",
                category="Figures",
                labels={"figure": _figure, "shows": displays.FIGURES[_figure].title},
            ),
        log:
            f"{RESULTS}/logs/figures/{_figure}.log",
        benchmark:
            f"{RESULTS}/benchmarks/figures/{_figure}.tsv"
        group:
            "figures"
        conda:
            ENVIRONMENT
        params:
            name=_figure,
            published=[sha256_of(path)[:16] for path in sorted((WORKFLOW / "published").glob("*.csv"))],
            style=sha256_of(WORKFLOW / "posinfo" / "posinfo.mplstyle")[:16],
            run=RUN.model_dump_json(
                include={"models", "controls", "images", "patterns", "training", "seeds", "alignment", "tasks", "own"}
            ),
            benchmarks=f"{RESULTS}/benchmarks",
            output=lambda wildcards, output: output.pdf.removesuffix(".pdf"),
            code=code_digest("figures"),
        shell:
            "python3 -m posinfo --log {log:q} figure {params.name} --inputs {input.shown:q} --run {params.run:q}"
            " --benchmarks {params.benchmarks:q} --output {params.output:q}"


rule figures:
    """Every figure."""
    input:
        expand(f"{RESULTS}/figures/{{figure}}.{{suffix}}", figure=displays.FIGURES, suffix=["pdf", "png"]),
    localrule: True
