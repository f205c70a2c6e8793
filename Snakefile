"""Where does a network keep the position of things? Every table and figure of the paper is a file to ask for."""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


configfile: Path(workflow.basedir) / "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/sources.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/encoders.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/readouts.smk"
include: "workflow/rules/scores.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/figures.smk"


rule all:
    """Everything that the paper's readouts can show."""
    default_target: True
    input:
        rules.tables.input,
        rules.claims.output,
        rules.figures.input,
    localrule: True
