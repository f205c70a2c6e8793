"""Common ground: the checked configuration, the command line, and what a module's code stands for.

Whatever enters from the repository (code, registry entries, published numbers, settings) is a parameter, by value or by
digest; input files are data only. So an edit reruns exactly what it decides, and a fresh checkout reruns nothing.
"""

import json
import shlex
import sys
from functools import wraps
from pathlib import Path

from snakemake.exceptions import WorkflowError

WORKFLOW = Path(workflow.basedir) / "workflow"
sys.path.insert(0, str(WORKFLOW))

from posinfo import cells, config as configuration, displays, registry
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
ENCODERS = spoken(registry.encoders)()
PLACES = {source.place: name for name, source in spoken(registry.sources)().items()}
SYNTHETIC = sorted({RUN.images.black, RUN.images.white, RUN.images.noise})
ONE_SET = "|".join(sorted(set(registry.image_sets()) - set(SYNTHETIC)))  # sets that are read one at a time
FAMILIES = spoken(cells.families)(RUN)
MAPS = displays.maps_wanted(RUN)  # the predicted maps that figures show
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
TABLE_SETTINGS = RUN.model_dump_json(include={"models", "controls", "images", "patterns", "training"})

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
    """The name of the source that lies at the asked place."""
    return PLACES[registry.look_up("source", f"{wildcards.kind}/{wildcards.file}", {place: place for place in PLACES})]


@spoken
def entries_behind(name):
    """The registry entries that decide a set of images: the set, its collection, the collection's sources."""
    entry = registry.look_up("set of images", name, registry.image_sets())
    if not isinstance(entry, registry.Views):
        return [entry]
    collection = registry.look_up("collection of photographs", entry.photographs, registry.photographs())
    return [entry, collection] + [registry.look_up("source", name, registry.sources()) for name in collection.sources]


def archives_behind(wildcards):
    return [f"{RESOURCES}/{entry.place}" for entry in entries_behind(wildcards.images) if hasattr(entry, "place")]


@spoken
def weight_entries(name):
    """The registry entries that decide an encoder's weights: where they are stored, and the source if there is one."""
    entry = registry.look_up("encoder", name, ENCODERS)
    if entry.weights is None:
        raise InputError(f"encoder {name!r} has no weights")
    if isinstance(entry.weights, registry.RandomWeights):
        return [entry.weights]
    return [entry.weights, registry.look_up("source", entry.weights.source, registry.sources())]


def feature_files(encoder, images, stages, suffix="npy"):
    return [f"{RESULTS}/features/{encoder}/{images}/{stage}.{suffix}" for stage in stages]


def weights_of(encoder):
    """An encoder's weight file, or the file of the encoder that it varies; none for one without weights."""
    entry = ENCODERS[encoder]
    return [f"{RESOURCES}/encoders/{entry.variant_of or encoder}.safetensors"] if entry.weights else []


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


def score_files(encoder, readouts, image_sets):
    return [f"{RESULTS}/scores/{encoder}/{readout}/{images}.csv" for readout in readouts for images in image_sets]


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
    category = "Run" if name == "run" else "Claims" if name == "claims" else "Tables"
    labels = {"page": name}
    return report(f"{RESULTS}/pages/{name}.html", caption=f"../report/{name}.rst", category=category, labels=labels)


def encoders_shown():
    """Every encoder that some table shows."""
    return list(dict.fromkeys(family.encoder for family in FAMILIES))


wildcard_constraints:
    encoder=r"[^/]+",
    images=r"[^/]+",
    readout=r"[^/]+",
    pattern=r"[^/]+",
    stage=r"[^/]+",
    table=r"[^/.]+",
