"""The checked configuration, and what all rules share.

Whatever enters from the repository (code, registry entries, published numbers, settings) is a parameter, by value or by
digest; input files are data only. So an edit reruns exactly what it decides, and a fresh checkout reruns nothing. What a
result is made from is said in posinfo/run/inputs.py: rules ask `INPUTS` with the values of their wildcards.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, f"{HERE}/workflow")  # in a clone, the library lies beside the rules; elsewhere it is installed

from posinfo.registry.catalogue import canonical_json
from posinfo.registry.overlays import refuse_repeated_keys
from posinfo.run import shown
from posinfo.run.config import load_config
from posinfo.run.figures import SHOWN
from posinfo.run.inputs import Inputs
from posinfo.run.paths import scores_of, sidecars
from posinfo.run.tables import curve_cells
from posinfo.store import locks
from posinfo.store.errors import InputError
from posinfo.store.files import ROOT, sha256_of
from posinfo.store.provenance import LIBRARY, code_digest as code

if not os.access(".", os.W_OK):
    raise InputError(f"{Path.cwd()} cannot be written, where Snakemake keeps its records; start from a folder that can")
refuse_repeated_keys(workflow.configfiles)  # an undocumented name; Snakemake takes the last of each
CAPTIONS = "captions"  # where the report's template finds them; no rule depends on them
RUN = load_config({key: value for key, value in config.items() if key != CAPTIONS})
if workflow.modifier.path_modifier.replace_prefix(f"{RUN.results}/") != f"{RUN.results}/":  # an undocumented name
    raise InputError("the paths of posinfo take no `prefix:`; leave it out, and set `results` in the module's config")
config[CAPTIONS] = shown.captions(RUN)
INPUTS = Inputs(RUN)
TABLES = shown.tables(RUN)
FIGURES = shown.figures(RUN)
EXPECTED = ROOT / "workflow/expected" / RUN.expected  # the committed values of this configuration's tables
ENVIRONMENT = str(ROOT / "envs/posinfo.yaml").replace("{", "{{").replace("}", "}}")  # which Snakemake formats

# At most half of this machine for one job, so that another computes while it starts, reads or writes. A job that runs
# on a cluster has all that it asked for. `workflow.cores` is the documented name, but fails where jobs are submitted.
THREADS = 8
if workflow.resource_settings.cores and not workflow.remote_exec:
    THREADS = max(1, min(THREADS, workflow.resource_settings.cores // 2))


pathvars:
    results=RUN.results,
    resources=RUN.resources,
    logs=f"{RUN.results}/logs",
    benchmarks=f"{RUN.results}/benchmarks",


wildcard_constraints:
    encoder=r"[^/]+",
    images=r"[^/]+",
    readouts=r"[^/]+",
    table=r"[^/.]+",
    figure=r"[^/.]+",


def settings(*sections):
    """Sections of the configuration as JSON: what a job reads. Reading any other fails in the job.

    A function, since Snakemake takes {this} in the text of a parameter, such as a title, for a wildcard.
    """
    return lambda wildcards: json.dumps(RUN.values(*sections, "own"))


def table_of(wildcards):
    """The table of that name or alias; an unknown one is answered with the nearest."""
    return shown.table_of(RUN, wildcards.table)[1]


def figure_of(wildcards):
    """The figure of that name; an unknown one is answered with the nearest."""
    return shown.figure_of(RUN, wildcards.figure)


# Sections that decide a table or a figure, beside those of its experiment: all but the folders and the machine.
DECIDING = ["paper", "models", "controls", "images", "patterns", "training", "seeds", "alignment", "curve", "expected"]


def experiments_of(described):
    """The experiment that a table or a figure belongs to, by name; none for the core's."""
    return [
        name
        for name, experiment in RUN.switched_on.items()
        if described in [*experiment.tables.values(), *experiment.figures.values()]
    ]


def settings_of(names):
    """The settings of what these experiments show: the core's, and theirs; no other experiment decides anything."""
    adding = [name for name, experiment in RUN.switched_on.items() if experiment.entries]  # encoders to the registry
    names = list(dict.fromkeys([*adding, *names]))
    sections = [name for name in names if RUN.switched_on[name].settings]
    return json.dumps(RUN.values("results", *DECIDING, *sections, "own") | {"experiments": names})


def code_of(names):
    """Digests of the descriptions of these experiments: their cells and layouts."""
    return [code(f"experiments.{name}") for name in names]


def kept_features(output):
    """The output, which Snakemake deletes once everything that reads it is made, if the config says so."""
    return output if RUN.keep.features else temp(output)


def digests(*paths):
    """What some files of the repository hold, by digest."""
    return [sha256_of(path)[:16] for path in paths]


def needs(gigabytes, minutes=60, gpus=0):
    """The resources of a rule: memory and time that grow with each attempt, and GPUs if the run is on them."""
    return {
        "mem_mb": lambda wildcards, attempt: round(1000 * gigabytes * attempt),
        "runtime": lambda wildcards, attempt: minutes * attempt,
        "gpu": gpus if RUN.device == "cuda" else 0,
    }


def say_space(files):
    """Say what is going to be made, and refuse to start what the disk cannot hold; features are what fills it."""
    if any(file.startswith(f"{RUN.results}/features/") for file in files):
        command = [sys.executable, "-m", "posinfo", "space", "--run", json.dumps(RUN.values())]
        done = subprocess.run(command, input="\n".join(files), capture_output=True, text=True)
        if done.returncode:
            raise InputError(done.stderr.strip().removeprefix("posinfo space: "))
        print(done.stdout.strip(), file=sys.stderr)


def put_first(name, folder):
    """Let the paths of a variable begin with a folder, for jobs; `shell.prefix` is one for all modules of a workflow."""
    os.environ[name] = os.pathsep.join(filter(None, [str(folder), os.environ.get(name)]))


# Jobs run the library with the interpreter that runs Snakemake, or with the one of the conda environment.
put_first("PYTHONPATH", ROOT / "workflow")
if not workflow.deployment_settings.deployment_method:
    put_first("PATH", Path(sys.executable).parent)
elif LIBRARY.parent != ROOT / "workflow":
    raise InputError("--sdm makes an environment without the installed posinfo; leave it out, or use a clone")
