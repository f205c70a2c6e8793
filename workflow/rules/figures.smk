"""Draw a run's maps and numbers, beside the paper's.

REQUIRED INPUTS: what each figure names (posinfo/run/figures.py, posinfo/experiments/NAME): scores, predicted maps, images
OUTPUTS: <results>/figures/{figure}.pdf (vector) and .png
"""


rule figure:
    """A figure. Captions stand in captions.yaml of the core and of each experiment."""
    input:
        shown=lambda wildcards: figure_of(wildcards).inputs(RUN),
        sidecars=lambda wildcards: sidecars(figure_of(wildcards).inputs(RUN)),
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/caption.rst",
            category="Figures",
            labels=lambda wildcards: {
                "figure": wildcards.figure,
                "shows": figure_of(wildcards).title,
            },
        ),
    log:
        "<logs>/figures/{figure}.log",
    benchmark:
        "<benchmarks>/figures/{figure}.tsv"
    group:
        "figures"
    conda:
        ENVIRONMENT
    params:
        run=lambda wildcards: settings_of(experiments_of(figure_of(wildcards))),
        published=digests(*shown.published_files(RUN)),
        style=digests(LIBRARY / "figures/posinfo.mplstyle"),
        benchmarks=f"{RUN.results}/benchmarks",
        output=lambda wildcards, output: output.pdf.removesuffix(".pdf"),
        code=lambda wildcards: [
            code("figures.commands:figure"),
            code(figure_of(wildcards).draw),
            *code_of(experiments_of(figure_of(wildcards))),
        ],
    shell:
        "python3 -m posinfo --log {log:q} figure {wildcards.figure:q} --inputs {input.shown:q} --run {params.run:q}"
        " --benchmarks {params.benchmarks:q} --output {params.output:q}"


rule figures:
    """Every figure."""
    input:
        expand("<results>/figures/{figure}.{suffix}", figure=FIGURES, suffix=["pdf", "png"]),
    localrule: True
