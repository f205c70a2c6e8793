"""The atlas: networks side by side, stage by stage, with trained and random weights.

The table and the figure are made by the core's rules, from the experiment's description.

REQUIRED INPUTS: scores, readouts (the groups base and stages) and features of natural images of every encoder of the
config's atlas
OUTPUTS: <results>/atlas/{encoder}.structure.json (receptive fields of its stages), <results>/atlas/{encoder}.npz and .json
(predicted maps), <results>/atlas.html (one file that opens from the disk)
"""

from posinfo.experiments.atlas import EXPERIMENT as ATLAS, inputs as atlas_inputs
from posinfo.store.files import sha256_of


rule structure:
    """Receptive fields of a network's stages; they depend on no weights."""
    output:
        "<results>/atlas/{encoder}.structure.json",
    log:
        "<logs>/atlas/{encoder}.structure.log",
    benchmark:
        "<benchmarks>/atlas/{encoder}.structure.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(4),
    params:
        entry=lambda wildcards: canonical_json(atlas_inputs.entry(RUN, wildcards.encoder)),
        code=lambda wildcards: code("experiments.atlas.commands:structure"),
    shell:
        "python3 -m posinfo --log {log:q} structure {params.entry:q} --threads {threads} --output {output:q}"


rule atlas_maps:
    """Maps of the images that figures show; errors by distance from the border over all images."""
    input:
        base="<results>/readouts/{encoder}/base",
        stages="<results>/readouts/{encoder}/stages",
        features=lambda wildcards: atlas_inputs.features(RUN, wildcards.encoder),
        images=f"<results>/images/{RUN.images.natural}.csv",
        sidecar=f"<results>/images/{RUN.images.natural}.json",
    output:
        maps="<results>/atlas/{encoder}.npz",
        sidecar="<results>/atlas/{encoder}.json",
    log:
        "<logs>/atlas/{encoder}.log",
    benchmark:
        "<benchmarks>/atlas/{encoder}.tsv"
    wildcard_constraints:
        encoder=r"[^/]+(?<!\.structure)",
    conda:
        ENVIRONMENT
    resources:
        **needs(4, gpus=1),
    params:
        shown=SHOWN,
        seed=RUN.seeds[0],
        device=RUN.device,
        code=lambda wildcards: code("experiments.atlas.commands:atlas_maps"),
    shell:
        "python3 -m posinfo --log {log:q} atlas-maps --base {input.base:q} --stages {input.stages:q}"
        " --images {input.images:q} --features {input.features:q} --shown {params.shown} --seed {params.seed}"
        " --device {params.device} --threads {threads} --output {output.maps:q}"


rule atlas_page:
    """One file that holds every map, so that it opens from the disk."""
    input:
        scores=lambda wildcards: atlas_inputs.scores(RUN),
        scores_sidecars=lambda wildcards: sidecars(atlas_inputs.scores(RUN)),
        maps=lambda wildcards: atlas_inputs.maps(RUN),
        maps_sidecars=lambda wildcards: sidecars(atlas_inputs.maps(RUN)),
        images=f"<results>/images/{RUN.images.natural}.npy",
        names=f"<results>/images/{RUN.images.natural}.csv",
        sidecar=f"<results>/images/{RUN.images.natural}.json",
    output:
        "<results>/atlas.html",
    log:
        "<logs>/atlas_page.log",
    benchmark:
        "<benchmarks>/atlas_page.tsv"
    conda:
        ENVIRONMENT
    params:
        run=settings("atlas", "images", "patterns", "seeds", "alignment"),
        template=sha256_of(ATLAS.folder / "page.html"),
        code=lambda wildcards: code("experiments.atlas.commands:atlas_page"),
    shell:
        "python3 -m posinfo --log {log:q} atlas-page --scores {input.scores:q} --maps {input.maps:q}"
        " --images {input.images:q} --run {params.run:q} --output {output:q}"


rule atlas:
    """The table, the figure and the page."""
    input:
        multiext("<results>/tables/atlas", ".csv", ".md", ".tex"),
        multiext("<results>/figures/atlas", ".pdf", ".png"),
        "<results>/atlas.html",
    localrule: True
