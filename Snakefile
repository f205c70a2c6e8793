"""Where does a network keep the position of things? Every table and figure of the paper is a file to ask for."""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


configfile: Path(workflow.basedir) / "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/sources.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/encoders.smk"
include: "workflow/rules/trained.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/readouts.smk"
include: "workflow/rules/scores.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/origins.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/atlas.smk"


# The only one: Snakemake keeps the last `onstart` it reads.
onstart:
    HELD.append(ASKING.now(locks.hold, Path(RUN.results)))
    say_space([str(file) for job in workflow.dag.needrun_jobs() for file in job.output])
    # To hold its rate of submissions Snakemake weighs all waiting jobs anew each second, once more for every job that ended:
    # after fifty jobs a quarter of a core, after two hundred all of it.
    workflow.scheduler.job_rate_limiter = None


rule all:
    """Tables, figures, claims and the report."""
    default_target: True
    input:
        rules.tables.input,
        rules.claims.output,
        rules.figures.input,
        rules.report.output,
    localrule: True
