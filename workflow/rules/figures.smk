"""Draw a run's maps and numbers, beside the paper's.

REQUIRED INPUTS: what posinfo/run/figures_.py names: scores, predicted maps, images, sidecars, losses, the learning curve
OUTPUTS: {results}/figures/{figure}.pdf (vector) and .png

Each figure has its own rule, since each has its own caption in the report.
"""

for _figure in figures_.FIGURES:

    rule:
        name:
            f"figure_{_figure}"
        input:
            shown=MADE_FROM.of_figure(_figure),
            stories=paths.sidecars(MADE_FROM.of_figure(_figure)),
        output:
            pdf=PATHS.figure(_figure, "pdf"),
            png=report_figure(_figure, figures_.FIGURES[_figure].title),
        log:
            PATHS.log(f"figures/{_figure}"),
        benchmark:
            PATHS.benchmark(f"figures/{_figure}")
        group:
            "figures"
        conda:
            ENVIRONMENT
        params:
            name=_figure,
            published=digests("published", "*.csv"),
            style=digests("posinfo/figures", "*.mplstyle"),
            run=settings(
                *("models", "controls", "images", "patterns", "training", "seeds", "alignment", "tasks", "own")
            ),
            benchmarks=f"{RUN.results}/benchmarks",
            output=lambda wildcards, output: output.pdf.removesuffix(".pdf"),
            code=code_digest("figures.drawings"),
        shell:
            "python3 -m posinfo --log {log:q} figure {params.name} --inputs {input.shown:q} --run {params.run:q}"
            " --benchmarks {params.benchmarks:q} --output {params.output:q}"


rule figures:
    """Every figure."""
    input:
        [PATHS.figure(figure, suffix) for figure in [*figures_.FIGURES, *origins.DRAWN] for suffix in ("pdf", "png")],
    localrule: True
