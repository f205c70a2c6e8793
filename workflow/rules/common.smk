"""Common ground: the checked configuration, the command line, and what a module's code stands for.

Whatever enters from the repository (code, registry entries, published numbers, settings) is a parameter, by value or by
digest; input files are data only. So an edit reruns exactly what it decides, and a fresh checkout reruns nothing.
"""

import json
import os
import shlex
import subprocess
import sys
from functools import wraps
from pathlib import Path

from snakemake.exceptions import WorkflowError

WORKFLOW = Path(workflow.basedir) / "workflow"
sys.path.insert(0, str(WORKFLOW))

from posinfo import cells, config as configuration, displays, folders, locks, registry, tasks
from posinfo.entries import Folder, LocalFile
from posinfo.errors import InputError
from posinfo.files import sha256_of
from posinfo.patterns import PATTERNS
from posinfo.protocol import Readout
from posinfo.provenance import code_digest


def spoken(function):
    """Turn the library's errors for people into Snakemake's, which print without a traceback."""

    @wraps(function)
    def speaking(*arguments, **named):
        try:
            return function(*arguments, **named)
        except InputError as error:
            raise WorkflowError(str(error)) from None

    return speaking


RUN = spoken(configuration.load_config)(config)
RESULTS, RESOURCES = RUN.results, RUN.resources
REGISTRY = RUN.registry
ENCODERS = REGISTRY.encoders
PLACES = {source.place: source for source in REGISTRY.sources.values()}
SYNTHETIC = sorted({RUN.images.black, RUN.images.white, RUN.images.noise})
ONE_SET = "|".join(sorted(set(REGISTRY.images) - set(SYNTHETIC)))  # sets that are read one at a time
TRAINED = [encoder for encoder, entry in ENCODERS.items() if entry.task and not entry.variant_of]
FAMILIES = spoken(cells.families)(RUN)
MAPS = displays.maps_wanted(RUN)  # the predicted maps that figures show
EXPECTED = [path.stem for path in (WORKFLOW / "expected").glob("*.csv")]  # tables with committed values
ALL_TABLES = [*cells.TABLES, *tasks.TASK_TABLES]
TABLES_OF_TRAINING = ("epochs", "metrics", "pictures")
ALIASES = {**cells.ALIASES, **tasks.TASK_ALIASES}
ON_CURVE = [RUN.models.VGG, RUN.models.ResNet]  # encoders of the learning curve

# What every training job depends on beside its features and its readouts.
TRAINING = {
    "seeds": RUN.seeds,
    "definition": RUN.patterns,
    "training": RUN.training.model_dump_json(),
    "device": RUN.device,
    "code": code_digest("readouts"),
}
EXACT = {  # the same for a readout that is solved: nothing is drawn, so one seed stands for all
    "seed": RUN.seeds[0],
    "definition": RUN.patterns,
    "training": RUN.training.model_dump_json(include={"scale"}),
    "device": RUN.device,
    "code": code_digest("exact"),
}
TABLE_SETTINGS = RUN.model_dump_json(include={"models", "controls", "images", "patterns", "training", "tasks", "own"})

# Jobs run the library with the interpreter that runs Snakemake, or with the one of the conda environment.
_PATHS = {"PYTHONPATH": WORKFLOW}
if not workflow.deployment_settings.deployment_method:
    _PATHS["PATH"] = Path(sys.executable).parent
shell.prefix(
    "".join(f"export {name}={shlex.quote(str(path))}${{{{{name}:+:${name}}}}}; " for name, path in _PATHS.items())
)
ENVIRONMENT = str(Path(workflow.basedir) / "envs" / "posinfo.yaml")


@spoken
def source_at(wildcards):
    """The source that lies at the asked place."""
    return registry.look_up("source", f"{wildcards.kind}/{wildcards.file}", PLACES)


def local_origin(wildcards):
    """The file of this machine that a source copies, if it does."""
    source = source_at(wildcards)
    return [source.path] if isinstance(source, LocalFile) else []


def places(sources):
    return [f"{RESOURCES}/{source.place}" for source in sources]


@spoken
def is_test(wildcards):
    """Whether a set holds the photographs for test: none of them may be trained on."""
    return wildcards.images == RUN.images.natural


def archives_behind(wildcards):
    """The fetched files that a set of images is read from."""
    return places(REGISTRY.behind_images(wildcards.images).sources.values())


@spoken
def entries_behind(wildcards):
    """What decides a set of images: its entries, and the state of the folder if it is one."""
    part = REGISTRY.behind_images(wildcards.images)
    entry = part.images[wildcards.images]
    return [registry.decisive(part), *([folders.state_of(Path(entry.folder))] if isinstance(entry, Folder) else [])]


@spoken
def weight_entries(wildcards):
    """What decides an encoder's weights."""
    return REGISTRY.behind_weights(wildcards.encoder)


def archive_of_weights(wildcards):
    source = weight_entries(wildcards).source
    return places([source] if source else [])


@spoken
def needed_from_outside():
    """Every fetched file of the run: behind its sets of images, and behind the encoders that some table shows."""
    parts = [REGISTRY.behind_images(images).sources.values() for _, images in RUN.images]
    parts += [REGISTRY.behind_masks(images).sources.values() for images in RUN.sets_with_masks]
    names = [encoder for encoder in encoders_shown() if ENCODERS[encoder].weights and not ENCODERS[encoder].task]
    stored = [REGISTRY.behind_weights(encoder).source for encoder in names]
    return list(dict.fromkeys(places([source for part in parts for source in part] + [one for one in stored if one])))


def stop_without_space(files):
    """Refuse to start when the disk cannot hold what is going to be made; features are what fills it."""
    if any(file.startswith(f"{RESULTS}/features/") for file in files):
        command = [sys.executable, "-m", "posinfo", "space", "--run", RUN.model_dump_json()]
        done = subprocess.run(
            command,
            input="\n".join(files),
            env={**os.environ, "PYTHONPATH": str(WORKFLOW)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise WorkflowError(done.stderr.strip())


def needs(gigabytes, minutes=60, gpus=0):
    """The resources of a rule: memory and time that grow with each attempt, and GPUs if the run is on them."""
    return {
        "mem_mb": lambda wildcards, attempt: round(1000 * gigabytes * attempt),
        "runtime": lambda wildcards, attempt: minutes * attempt,
        "gpu": gpus if RUN.device == "cuda" else 0,
    }


def needs_of_training(readouts):
    """Those of a training job; several layers at the released width are what takes memory and days."""
    wide = RUN.training.hidden == "same" and any(Readout.parse(str(name)).layers > 1 for name in readouts)
    return needs(32, 24 * 60, gpus=1) if wide else needs(6, 4 * 60, gpus=1)


def threads_for(most):
    """At most half of this machine for one job, so that another computes while it starts, reads or writes."""
    # A job on a cluster has what it asked for, all of it.
    machine = None if workflow.remote_exec else workflow.resource_settings.cores
    return max(1, min(most, machine // 2)) if machine else most


def feature_files(encoder, images, stages, suffix="npy"):
    return [f"{RESULTS}/features/{encoder}/{images}/{stage}.{suffix}" for stage in stages]


def weights_of(encoder):
    """An encoder's weight file, or the file of the encoder that it varies; none for one without weights."""
    entry = ENCODERS[encoder]
    folder = RESULTS if entry.task else RESOURCES  # what is trained is a result
    return [f"{folder}/encoders/{entry.variant_of or encoder}.safetensors"] if entry.weights else []


def trained_files(encoder, *suffixes):
    """Files beside a trained encoder's weights."""
    return [f"{RESULTS}/encoders/{encoder}.{suffix}" for suffix in suffixes]


def metrics_of_table(wildcards):
    """The metrics of the encoders that a table of tasks shows, in its order."""
    roles = tasks.TASK_TABLES[wildcards.table].models.values()
    return [path for role in roles for path in trained_files(RUN.tasks.encoders[role], "metrics.csv")]


def pictures_of_tasks(suffix):
    """How the encoders of Table 5 did on each held-out picture."""
    roles = [role for table in tasks.TASK_TABLES.values() for role in table.models.values()]
    return [path for role in roles for path in trained_files(RUN.tasks.encoders[role], f"pictures.{suffix}")]


def archives_of_masks(wildcards):
    """The fetched files that a set's masks are read from."""
    return places(REGISTRY.behind_masks(wildcards.images).sources.values())


@spoken
def entries_of_masks(wildcards):
    """What decides a set's masks: its entries, and the state of their folder if they lie in one."""
    part = REGISTRY.behind_masks(wildcards.images)
    entry = part.images[wildcards.images]
    return [registry.decisive(part), *([folders.state_of(Path(entry.masks))] if isinstance(entry, Folder) else [])]


def examples_of(encoder):
    """What an encoder is trained on, then each thing it is tested on: pictures, and their masks unless composed."""
    sets = RUN.tasks.sets(ENCODERS[encoder].task)
    named = [(sets.train, RUN.images.train), *((test, RUN.images.natural) for test in sets.tests)]
    return [
        (
            image_files([composed_of], "npy")
            if images == tasks.COMPOSITIONS
            else [f"{RESULTS}/{kind}/{images}.npy" for kind in ("images", "masks")]
        )
        for images, composed_of in named
    ]


def names_of_examples(parts):
    """The names of those pictures."""
    return [part[0].removesuffix("npy") + "csv" for part in parts]


@spoken
def stages_read(wildcards):
    """The stages that a readout reads, from its name and the encoder's."""
    encoder = registry.look_up("encoder", wildcards.encoder, ENCODERS)
    return Readout.parse(wildcards.readout).stages_read(encoder.stages)


def readout_files(encoder, patterns):
    """The pattern files of each readout, given as readout (or its name) to patterns."""
    return [
        f"{RESULTS}/readouts/{encoder}/{getattr(readout, 'name', readout)}/{pattern}.safetensors"
        for readout, shown in patterns.items()
        for pattern in shown
    ]


def score_files(encoder, readouts, image_sets, suffix="csv"):
    return [f"{RESULTS}/scores/{encoder}/{readout}/{images}.{suffix}" for readout in readouts for images in image_sets]


@spoken
def cells_of(wildcards):
    return registry.look_up("table", wildcards.table, cells.TABLES).cells(RUN)


def published_digest(wildcards):
    """What the paper printed, by digest; empty for a table of our own."""
    file = cells.TABLES[wildcards.table].published
    return sha256_of(WORKFLOW / "published" / file)[:16] if file else ""


def score_paths(shown):
    """The score files of cells, each once."""
    paths = [f"{RESULTS}/scores/{cell.encoder}/{cell.readout.name}/{cell.images}.csv" for cell in shown]
    return list(dict.fromkeys(paths))


def sidecars(paths):
    """The sidecars of scores, lists of images and predicted maps."""
    stems = [path.rsplit(".", 1) for path in paths]
    return list(dict.fromkeys(f"{stem}.json" for stem, suffix in stems if suffix in ("csv", "npz")))


def image_files(image_sets, suffix):
    return [f"{RESULTS}/images/{images}.{suffix}" for images in image_sets]


def scores_of(wildcards):
    return score_paths(cells_of(wildcards))


def map_files(encoder):
    """The files of an encoder's predicted maps."""
    return [
        f"{RESULTS}/predictions/{encoder}/{readout}/{images}.npz"
        for readout, by_images in MAPS[encoder].items()
        for images in by_images
    ]


def readouts_drawn(encoder):
    """The pattern files behind an encoder's predicted maps."""
    return readout_files(
        encoder,
        {
            readout: list(dict.fromkeys(pattern for patterns in by_images.values() for pattern in patterns))
            for readout, by_images in MAPS[encoder].items()
        },
    )


def sets_drawn(encoder):
    """The sets of images on which an encoder's predicted maps are drawn."""
    return list(dict.fromkeys(images for by_images in MAPS[encoder].values() for images in by_images))


@spoken
def inputs_of_figure(name):
    """What a figure is drawn from."""
    display = displays.FIGURES[name]
    maps = display.maps(RUN) if display.maps else []
    paths = score_paths(cell for table in display.tables for cell in cells.TABLES[table].cells(RUN))
    paths += score_paths(maps)
    paths += [f"{RESULTS}/predictions/{cell.encoder}/{cell.readout.name}/{cell.images}.npz" for cell in maps]
    for role in display.pictures:
        paths += [f"{RESULTS}/images/{getattr(RUN.images, role)}.{suffix}" for suffix in ("npy", "csv")]
    if display.crops:
        paths.append(f"{RESULTS}/predictions/{RUN.tasks.saliency}/{displays.CROPS}")
    if display.architecture:
        paths += feature_files(RUN.models.VGG, RUN.images.natural, RUN.stages(RUN.models.VGG), "json")
    if display.losses:
        for encoder in RUN.models.of_table1.values():
            paths += readout_files(encoder, {cells.BASE: PATTERNS})
    if display.curve:
        paths.append(f"{RESULTS}/learning_curve.csv")
    if display.costs:
        paths += all_scores()  # so that the run is over when its time is counted
    return list(dict.fromkeys(paths))


@spoken
def all_scores():
    return score_paths(cell for table in cells.TABLES.values() for cell in table.cells(RUN))


def report_page(name):
    """A page of the report with its caption."""
    category, shows = {
        "run": ("Run", "versions and digests"),
        "claims": ("Claims", "the paper's and ours, judged"),
    }.get(name) or ("Tables", {**cells.TABLES, **tasks.TASK_TABLES}[name].about)
    labels = {"page": name, "shows": shows}
    return report(f"{RESULTS}/pages/{name}.html", caption=f"../report/{name}.rst", category=category, labels=labels)


def encoders_shown():
    """Every encoder that some table shows."""
    return list(dict.fromkeys(family.encoder for family in FAMILIES))


HELD = []  # open while the run lasts


wildcard_constraints:
    encoder=r"[^/]+",
    images=r"[^/]+",
    readout=r"[^/]+",
    pattern=r"[^/]+",
    stage=r"[^/]+",
    table=r"[^/.]+",
