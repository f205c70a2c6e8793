"""Networks side by side, stage by stage, trained and random: as a table, a figure and a page to look at.

REQUIRED INPUTS: scores, readouts, and feature maps of natural pictures of every encoder of the config's atlas
OUTPUTS: {results}/atlas/{encoder}.npz (the maps that it draws), .json, .structure.json (what its stages see);
{results}/tables/atlas.csv (tidy), .md; {results}/figures/atlas.pdf, .png; {results}/atlas.html (one file, opens by itself)
"""


rule structure:
    """Of one encoder for each network: what its cells see depends on no weights."""
    output:
        PATHS.atlas("{encoder}", "structure.json"),
    log:
        PATHS.log("atlas/{encoder}.structure"),
    benchmark:
        PATHS.benchmark("atlas/{encoder}.structure")
    conda:
        ENVIRONMENT
    resources:
        **needs(4),
    params:
        entry=lambda wildcards: canonical_json(ENCODERS[ASKING.now(OF_ATLAS.member, wildcards.encoder)]),
        code=code_digest("experiments.atlas.structure"),
    shell:
        "python3 -m posinfo --log {log:q} structure {params.entry:q} --threads {threads} --output {output:q}"


rule atlas_maps:
    """Of the pictures that figures show; errors by distance from the border over all of them."""
    input:
        readouts=asks(OF_ATLAS.readouts, "encoder"),
        names=PATHS.images(RUN.images.natural, "csv"),
        listing=PATHS.images(RUN.images.natural, "json"),
        features=asks(OF_ATLAS.features, "encoder"),
        stories=asks(partial(OF_ATLAS.features, suffix="json"), "encoder"),
    output:
        maps=PATHS.atlas("{encoder}"),
        story=PATHS.atlas("{encoder}", "json"),
    log:
        PATHS.log("atlas/{encoder}"),
    benchmark:
        PATHS.benchmark("atlas/{encoder}")
    wildcard_constraints:
        encoder=r"[^/]+(?<!\.structure)",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(4, gpus=1),
    params:
        seed=RUN.seeds[0],
        device=RUN.device,
        shown=figures_.SHOWN,
        code=[code_digest("experiments.atlas.drawn"), code_digest("images.views")],
    shell:
        "python3 -m posinfo --log {log:q} atlas-maps --readouts {input.readouts:q} --images {input.names:q}"
        " --features {input.features:q} --seed {params.seed} --device {params.device} --threads {threads}"
        " --output {output.maps:q}"


rule atlas_table:
    """Means over pictures, seeds and draws."""
    input:
        scores=lambda _: ASKING.now(OF_ATLAS.scores),
        stories=lambda _: ASKING.now(OF_ATLAS.scores, "json"),
        structures=lambda _: ASKING.now(OF_ATLAS.structure_files),
    output:
        tidy=PATHS.table(families.ATLAS),
        markdown=PATHS.table(families.ATLAS, "md"),
        pdf=PATHS.figure(families.ATLAS, "pdf"),
        png=PATHS.figure(families.ATLAS),
    log:
        PATHS.log("atlas"),
    benchmark:
        PATHS.benchmark("atlas")
    conda:
        ENVIRONMENT
    params:
        same=lambda _: json.dumps(ASKING.now(OF_ATLAS.structures)),
        run=settings("atlas", "images", "patterns", "seeds", "own"),
        style=digests("posinfo/figures", "*.mplstyle"),
        code=[code_digest("experiments.atlas.table"), code_digest("experiments.atlas.figure")],
    shell:
        "python3 -m posinfo --log {log:q} atlas-table --scores {input.scores:q} --structures {input.structures:q}"
        " --same {params.same:q} --run {params.run:q} --table $(dirname {output.tidy:q})/atlas"
        " --figure $(dirname {output.pdf:q})/atlas"


rule atlas_page:
    """Every map inside, so that the file opens by itself."""
    input:
        scores=lambda _: ASKING.now(OF_ATLAS.scores),
        stories=lambda _: ASKING.now(OF_ATLAS.scores, "json"),
        maps=lambda _: ASKING.now(OF_ATLAS.maps),
        vouched=lambda _: ASKING.now(OF_ATLAS.maps, "json"),
        images=PATHS.images(RUN.images.natural),
        names=PATHS.images(RUN.images.natural, "csv"),
        listing=PATHS.images(RUN.images.natural, "json"),
    output:
        PATHS.whole("atlas.html"),
    log:
        PATHS.log("atlas.html"),
    benchmark:
        PATHS.benchmark("atlas.html")
    conda:
        ENVIRONMENT
    params:
        run=settings("atlas", "images", "patterns", "seeds", "alignment", "own"),
        page=digests("posinfo/experiments/atlas", "*.html"),
        code=code_digest("experiments.atlas.page"),
    shell:
        "python3 -m posinfo --log {log:q} atlas-page --scores {input.scores:q} --maps {input.maps:q}"
        " --images {input.images:q} --run {params.run:q} --output {output:q}"


rule atlas:
    """The table, the figure and the page."""
    input:
        rules.atlas_table.output,
        rules.atlas_page.output,
    localrule: True
