"""Common ground: the checked configuration, the command line, and what Snakemake alone knows.

Whatever enters from the repository (code, registry entries, published numbers, settings) is a parameter, by value or by
digest; input files are data only. So an edit reruns exactly what it decides, and a fresh checkout reruns nothing. Where
a result lies, and what it is made from, is said in posinfo/run.
"""

import json
import os
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path

from snakemake.exceptions import WorkflowError

WORKFLOW = Path(workflow.basedir) / "workflow"
sys.path.insert(0, str(WORKFLOW))

from posinfo.experiments.atlas.inputs import OfAtlas
from posinfo.protocol import origins
from posinfo.registry.catalogue import canonical_json
from posinfo.run import cells, config as configuration, families, figures as figures_, inputs, mistaken, paths, tables, tasks
from posinfo.store.asking import Asking
from posinfo.store import locks
from posinfo.store.files import sha256_of
from posinfo.store.provenance import code_digest


class Mistake(WorkflowError):
    """A mistake of the input, which says all that there is to say: Snakemake finds no lines of code to add."""

    __traceback__ = None


ASKING = Asking(Mistake)
asks = ASKING.later  # an input function: the library's, with the values of these wildcards

RUN = ASKING.now(configuration.load_config, config)
PATHS, MADE_FROM = paths.Paths(RUN), inputs.Inputs(RUN)
ENCODERS = RUN.registry.encoders
TRAINED = [encoder for encoder, entry in ENCODERS.items() if entry.task and not entry.variant_of]
SYNTHETIC = sorted({RUN.images.black, RUN.images.white, RUN.images.noise})
ONE_SET = "|".join(sorted(set(RUN.registry.images) - set(SYNTHETIC)))  # sets that are read one at a time
JOBS = ASKING.now(families.jobs, RUN)
OF_ATLAS = OfAtlas(MADE_FROM)
MISTAKEN = mistaken.Mistaken(RUN)
EXPECTED = WORKFLOW / "expected" / RUN.expected  # the committed values of this configuration's tables


def digests(folder, names="*"):
    """What some files of the workflow hold, by digest."""
    return [sha256_of(path)[:16] for path in sorted((WORKFLOW / folder).glob(names))]


def settings(*sections):
    """Sections of the configuration as JSON: those that a rule uses, and no others."""
    return RUN.model_dump_json(include=set(sections))


def each(image_sets, suffix):
    """A file of each set of images."""
    return [PATHS.images(images, suffix) for images in image_sets]


def features_of(job, image_sets, suffix="npy"):
    """The feature maps that a job reads: of the stages that its family or, for a readout by its path, its name says."""
    if job.family:
        stages = job.family.stages(ENCODERS[job.encoder].stages)
        return [path for images in image_sets for path in PATHS.features(job.encoder, images, stages, suffix)]
    if image_sets == ["{images}"]:
        return asks(partial(MADE_FROM.features_read, suffix=suffix), "encoder", "readout", "images")
    return asks(partial(MADE_FROM.features_read, images=image_sets[0], suffix=suffix), "encoder", "readout")


# Jobs run the library with the interpreter that runs Snakemake, or with the one of the conda environment.
_PATHS = {"PYTHONPATH": WORKFLOW}
if not workflow.deployment_settings.deployment_method:
    _PATHS["PATH"] = Path(sys.executable).parent
shell.prefix(
    "".join(f"export {name}={shlex.quote(str(path))}${{{{{name}:+:${name}}}}}; " for name, path in _PATHS.items())
)
ENVIRONMENT = str(Path(workflow.basedir) / "envs" / "posinfo.yaml")


def say_space(files):
    """Say what is going to be made, and refuse to start what the disk cannot hold; features are what fills it."""
    if any(file.startswith(f"{RUN.results}/features/") for file in files):
        command = [sys.executable, "-m", "posinfo", "space", "--run", RUN.model_dump_json()]
        environment = {**os.environ, "PYTHONPATH": str(WORKFLOW)}
        done = subprocess.run(command, input="\n".join(files), env=environment, capture_output=True, text=True)
        if done.returncode:
            raise WorkflowError(done.stderr.strip())
        print(done.stdout.strip(), file=sys.stderr)


def needs(gigabytes, minutes=60, gpus=0):
    """The resources of a rule: memory and time that grow with each attempt, and GPUs if the run is on them."""
    return {
        "mem_mb": lambda wildcards, attempt: round(1000 * gigabytes * attempt),
        "runtime": lambda wildcards, attempt: minutes * attempt,
        "gpu": gpus if RUN.device == "cuda" else 0,
    }


def threads_for(most):
    """At most half of this machine for one job, so that another computes while it starts, reads or writes."""
    # A job on a cluster has what it asked for, all of it.
    machine = None if workflow.remote_exec else workflow.resource_settings.cores
    return max(1, min(most, machine // 2)) if machine else most


def report_page(name):
    """A page of the report with its caption."""
    known = {**tables.TABLES, **tasks.TASK_TABLES, **origins.TABLES}
    others = {"run": ("Run", "versions and digests"), "claims": ("Claims", "the paper's and ours, judged")}
    category, shows = others[name] if name in others else ("Tables", known[name].about)
    labels = {"page": name, "shows": shows}
    return report(PATHS.page(name), caption=f"../report/{name}.rst", category=category, labels=labels)


def report_figure(name, shows):
    """A figure of the report with its caption."""
    labels = {"figure": name, "shows": shows}
    return report(PATHS.figure(name), caption=f"../report/{name}.rst", category="Figures", labels=labels)


HELD = []  # open while the run lasts


wildcard_constraints:
    encoder=r"[^/]+",
    images=r"[^/]+",
    readout=r"[^/]+",
    pattern=r"[^/]+",
    stage=r"[^/]+",
    table=r"[^/.]+",
