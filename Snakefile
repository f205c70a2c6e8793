"""Where does a network encode the position of objects? Every table and figure of the paper is a file to ask for."""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


HERE = workflow.current_basedir.get_path_or_uri(secret_free=True)  # of this file, also as a module of another workflow
# Of a module that is fetched, as by `github(...)`, this file alone is there: all else is the installed posinfo's.
if not Path(HERE).is_dir():
    from posinfo.store.files import ROOT

    HERE = str(ROOT)


configfile: f"{HERE}/config.yaml"


if HERE == workflow.basedir:
    if Path.cwd() != Path(HERE) and Path("config.yaml").exists():

        configfile: "config.yaml"

    report: "workflow/report/workflow.rst"

    include: f"{HERE}/workflow/rules/progress.smk"


include: f"{HERE}/workflow/rules/common.smk"


for stage in ("sources", "images", "encoders", "features", "readouts", "scores", "tables", "figures", "report"):

    include: f"{HERE}/workflow/rules/{stage}.smk"


for experiment in RUN.switched_on.values():
    if (experiment.folder / "rules.smk").exists():  # without it, the core's rules make all that the experiment shows

        include: experiment.folder / "rules.smk"


# The only one: Snakemake keeps the last `onstart` it reads. Two things have no documented name: the jobs that are going
# to run, and the limit on the rate of submissions. To hold it, Snakemake weighs all waiting jobs anew each second, once
# more for every job that ended: after fifty jobs a quarter of a core, after two hundred all of it.
onstart:
    global HELD  # or the lock is released when this block, a function to Snakemake, returns
    HELD = locks.hold(Path(RUN.results))
    say_space([str(file) for job in workflow.dag.needrun_jobs() for file in job.output])
    workflow.scheduler.job_rate_limiter = None


rule all:
    """Tables, figures, claims, the page that shows them, and what experiments add."""
    default_target: True
    input:
        rules.tables.input,
        rules.claims.output if shown.claim_files(RUN) else [],
        rules.figures.input,
        rules.index.output,
        shown.targets(RUN),
    localrule: True
