"""One page to open: every table and figure with its caption, the workflow's graph, run times, versions and digests; and
what is said of a result that no rule makes.

REQUIRED INPUTS: {results}/tables/{table}.md, {results}/claims.md, {results}/figures/{figure}.png
OUTPUTS: {results}/pages/{table}.html (tables as a browser shows them), {results}/report.html (all in one file)
"""


rule pages:
    """The tables' Markdown as HTML, since the report shows that and not Markdown."""
    input:
        markdown=[
            *(PATHS.table(table, "md") for table in [*inputs.ALL_TABLES, *origins.TABLES]),
            PATHS.whole("claims.md"),
        ],
        sidecars=[
            PATHS.features(encoder, RUN.images.natural, ENCODERS[encoder].stages, "json")[0]
            for encoder in MADE_FROM.encoders_shown
        ],
    output:
        [report_page(name) for name in [*inputs.ALL_TABLES, *origins.TABLES, "claims", "run"]],
    log:
        PATHS.log("pages"),
    benchmark:
        PATHS.benchmark("pages")
    conda:
        ENVIRONMENT
    params:
        output=lambda wildcards, output: str(Path(output[0]).parent),
        titles=json.dumps({encoder: ENCODERS[encoder].title or encoder for encoder in MADE_FROM.encoders_shown}),
        code=code_digest("report.pages"),
    shell:
        "python3 -m posinfo --log {log:q} pages --markdown {input.markdown:q} --sidecars {input.sidecars:q}"
        " --titles {params.titles:q} --output {params.output:q}"


rule report:
    """Snakemake's own report, asked of a second Snakemake once everything that it shows is there."""
    input:
        rules.figures.input,
        rules.pages.output,
    output:
        PATHS.whole("report.html"),
    log:
        PATHS.log("report"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        snakefile=str(Path(workflow.basedir) / "Snakefile"),
        settings=f"{RUN.results}/logs/report.config.json",
        run=RUN.model_dump_json(),
        captions=digests("report"),
    shell:
        "printf '%s' {params.run:q} > {params.settings:q} && "
        "python3 -m snakemake figures pages --snakefile {params.snakefile:q} --cores 1 --nolock"
        " --configfile {params.settings:q} --report {output:q} > {log:q} 2>&1"


rule mistaken:
    """A misspelt name is said before the first job: every kind of result answers with the nearest."""
    input:
        asks(MISTAKEN.say, "result"),
    output:
        PATHS.whole("{result}"),
    log:
        PATHS.log("mistaken/{result}"),
    wildcard_constraints:
        result=MISTAKEN.pattern(),
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "false 2> {log:q}"
