"""One page to open: every table and figure with its caption, the workflow's graph, run times, versions and digests.

REQUIRED INPUTS: <results>/tables/{table}.md, <results>/claims.md, <results>/figures/{figure}.png
OUTPUTS: <results>/pages/{page}.html (tables as a browser shows them), <results>/report.html (all in one file)
"""

PAGES = [*TABLES, "claims", "run"]


rule page:
    """A table or the claims as HTML, since the report shows HTML and not Markdown."""
    input:
        page_inputs,
    output:
        report(
            "<results>/pages/{page}.html",
            caption="../report/caption.rst",
            category="Tables and claims",
            labels=lambda wildcards: {
                "page": wildcards.page,
                "shows": TABLES[wildcards.page].about if wildcards.page in TABLES else "",
            },
        ),
    log:
        "<logs>/pages/{page}.log",
    benchmark:
        "<benchmarks>/pages/{page}.tsv"
    group:
        "pages"
    conda:
        ENVIRONMENT
    params:
        run=settings_of(RUN.switched_on),
        code=lambda wildcards: code("report.commands:page"),
    shell:
        "python3 -m posinfo --log {log:q} page {wildcards.page:q} --inputs {input:q} --run {params.run:q}"
        " --output {output:q}"


rule report:
    """Snakemake's own report, made by a second Snakemake once everything that it shows is there."""
    input:
        rules.figures.input,
        expand("<results>/pages/{page}.html", page=PAGES),
    output:
        "<results>/report.html",
    log:
        "<logs>/report.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        snakefile=lambda wildcards: str(Path(workflow.basedir) / "Snakefile"),
        settings=f"{RUN.results}/logs/report.config.json",
        run=json.dumps(RUN.values()),
        captions=config["captions"],
        pages=expand(f"{RUN.results}/pages/{{page}}.html", page=PAGES),
    shell:
        "printf '%s' {params.run:q} > {params.settings:q} && "
        "python3 -m snakemake figures {params.pages:q} --snakefile {params.snakefile:q} --cores 1 --nolock"
        " --configfile {params.settings:q} --report {output:q} > {log:q} 2>&1"
