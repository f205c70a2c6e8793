"""One page to open with all that the run shows; and Snakemake's own report, with the workflow's graph and run times.

REQUIRED INPUTS: <results>/tables/{table}.md, <results>/claims.csv, <results>/figures/{figure}.png, <results>/readouts,
<results>/images, <results>/masks
OUTPUTS: <results>/index.html (the page, with its figures inside), <results>/report.html (Snakemake's report)
"""


rule index:
    """The page of the run: what was run, tables, claims, figures, and how they were made."""
    input:
        rules.tables.input,
        rules.figures.input,
        rules.claims.output if shown.claim_files(RUN) else [],
        shown.targets(RUN),
        readouts=INPUTS.readouts_of_encoders(),
        images=INPUTS.photographs(),
        sidecars=sidecars(INPUTS.photographs()),
        names=[Path(path).with_suffix(".csv") for path in INPUTS.photographs()],
        masks=INPUTS.masks(),
    output:
        report("<results>/index.html", category="All in one page"),
    log:
        "<logs>/index.log",
    benchmark:
        "<benchmarks>/index.tsv"
    conda:
        ENVIRONMENT
    params:
        run=lambda wildcards: settings_of(RUN.switched_on),
        captions=digests(*shown.caption_files(RUN)),
        template=digests(LIBRARY / "report/page.html"),
        code=lambda wildcards: code("report.commands:index"),
    shell:
        "python3 -m posinfo --log {log:q} index --readouts {input.readouts:q} --images {input.images:q}"
        " --masks {input.masks:q} --run {params.run:q} --output {output:q}"


rule report:
    """Snakemake's own report, made by a second Snakemake once everything that it shows is there."""
    input:
        rules.figures.input,
        page=rules.index.output,
    output:
        "<results>/report.html",
    log:
        "<logs>/report.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        snakefile=lambda wildcards: str(ROOT / "Snakefile"),
        settings=f"{RUN.results}/logs/report.config.json",
        run=lambda wildcards: json.dumps(RUN.values()),
        captions=digests(*shown.caption_files(RUN)),
    shell:
        "printf '%s' {params.run:q} > {params.settings:q} && "
        "python3 -m snakemake figures {input.page:q} --snakefile {params.snakefile:q} --cores 1 --nolock"
        " --configfile {params.settings:q} --report {output:q} > {log:q} 2>&1"
