"""What this experiment's files are made from, and the cells of its tables."""

from collections.abc import Sequence
from pathlib import Path

from posinfo.encoders.steps import weights_file
from posinfo.experiments.tasks.recipes import COMPOSITIONS, Recipe
from posinfo.experiments.tasks.settings import Tasks, TaskSets
from posinfo.registry.catalogue import look_up
from posinfo.registry.entries import Encoder, Task, TrainedWeights
from posinfo.run.cells import BASE, MOST_PATTERNS, Cell
from posinfo.run.config import RunConfig
from posinfo.run.paths import images_file, sidecars
from posinfo.store.errors import InputError


def trained_encoder(run: RunConfig, encoder: str, task: Task | None = None) -> Encoder:
    """The entry of an encoder that is trained here.

    Args:
        task: what it must be trained for, if that matters.

    Raises:
        InputError: for an unknown encoder, or one that is not trained here for that task.
    """
    entry = look_up("encoder", encoder, run.registry.encoders)
    if entry.task is None or entry.variant_of is not None or task not in (None, entry.task):
        known = [
            name
            for name, other in run.registry.encoders.items()
            if other.task and other.variant_of is None and task in (None, other.task)
        ]
        wanted = f"trained here for {task}" if task else "trained here"
        raise InputError(f"encoder {encoder!r} is not {wanted}; those that are: {', '.join(known)}")
    return entry


def recipe_of(run: RunConfig, encoder: str) -> Recipe:
    """How an encoder is trained."""
    tasks = run.section(Tasks)
    return tasks.tuning if trained_encoder(run, encoder).start else tasks.recipe


def sets_with_masks(run: RunConfig) -> list[str]:
    """The sets of images that the run's encoders are trained and tested on, without compositions."""
    tasks = run.section(Tasks)
    named = [name for sets in (tasks.saliency_sets, tasks.segmentation_sets) for name in (sets.train, *sets.tests)]
    return [name for name in dict.fromkeys(named) if name != COMPOSITIONS]


def training_files(run: RunConfig, encoder: str) -> list[str]:
    """The .npy files that an encoder learns from: photographs to compose images of, or images and their masks."""
    return _files(run, _sets(run, encoder).train, run.images.train)


def held_out_files(run: RunConfig, encoder: str, task: Task | None = None) -> list[list[str]]:
    """The same of each set that an encoder is tested on; `task` as for `trained_encoder`."""
    return [_files(run, name, run.images.natural) for name in _sets(run, encoder, task).tests]


def shown_files(run: RunConfig, encoder: str, shown: str) -> list[str]:
    """The same of the set that a figure shows: the first that is tested on for crops, the last for segmentations."""
    if shown == "crops":
        return held_out_files(run, encoder, "saliency")[0]
    return held_out_files(run, encoder, "segmentation")[-1]


def _sets(run: RunConfig, encoder: str, task: Task | None = None) -> TaskSets:
    entry = trained_encoder(run, encoder, task)
    composed = isinstance(entry.weights, TrainedWeights) and entry.weights.placed is not None
    return TaskSets() if composed else run.section(Tasks).sets(entry.task)


def _files(run: RunConfig, images: str, composed_of: str) -> list[str]:
    if images == COMPOSITIONS:
        return [images_file(run, composed_of)]
    return [images_file(run, images), f"{run.results}/masks/{images}.npy"]


def with_lists(files: Sequence[str]) -> list[str]:
    """Those .npy files, the csv beside those of images (masks have none), and the sidecars of all."""
    lists = [file.removesuffix("npy") + "csv" for file in files if Path(file).parent.name == "images"]
    return [*files, *lists, *sidecars(files)]


def examples(run: RunConfig, encoder: str) -> list[str]:
    """Every file that a training reads, for learning and for tests."""
    held_out = [file for files in held_out_files(run, encoder) for file in files]
    files = [*training_files(run, encoder), *held_out]
    return with_lists(list(dict.fromkeys(files)))


def held_out_options(run: RunConfig, encoder: str) -> list[str]:
    """The options of `train-encoder` that name the files of each set for tests."""
    return [word for files in held_out_files(run, encoder) for word in ("--test", *files)]


def start_of(run: RunConfig, encoder: str) -> list[str]:
    """The encoder that a training starts from, if it does not start from scratch."""
    start = trained_encoder(run, encoder).start
    return [] if start is None else [start]


def start_file(run: RunConfig, encoder: str, weights: Sequence[str]) -> list[str]:
    """The file of the weights that a training starts from, if it does not start from scratch.

    Args:
        weights: the start's weights, as `INPUTS.weights` names them; empty without a start.
    """
    steps = [run.registry.encoders[start].step for start in start_of(run, encoder)]
    return [str(weights_file(Path(path), step)) for step, path in zip(steps, weights, strict=True)]


def saved_steps(run: RunConfig, encoder: str) -> dict[int, str]:
    """The steps after which an encoder's weights are saved before its training ends, to the entry that reads them."""
    last = recipe_of(run, encoder).steps
    variants = {name: entry for name, entry in run.registry.encoders.items() if entry.variant_of == encoder}
    steps = {entry.step: name for name, entry in variants.items() if entry.step is not None and entry.step < last}
    return dict(sorted(steps.items()))


def checkpoints_by_step(run: RunConfig, encoder: str) -> dict[int, str]:
    """Steps of an encoder's training to the encoder that it is then, from what it starts from to itself."""
    entry = trained_encoder(run, encoder)
    first = [
        name
        for name, other in run.registry.encoders.items()
        if entry.start in (name, other.variant_of)
        and (other.padding, other.input, other.fit, other.step) == (entry.padding, entry.input, None, None)
    ]
    begun = {0: first[0]} if entry.start and first else {}
    return {**begun, **saved_steps(run, encoder), recipe_of(run, encoder).steps: encoder}


def encoders_by_padding(run: RunConfig, task: Task) -> dict[str, str]:
    """Padding (`without`, `with`) to the encoder that Tables 5a and 5b show."""
    roles = run.section(Tasks).encoders
    return {"without": roles[f"{task}_without_padding"], "with": roles[task]}


def measured_files(run: RunConfig, task: Task, name: str) -> list[str]:
    """The csv files `metrics` (of sets) or `images` (of single images) of encoders: without padding, then with."""
    return [f"{run.results}/encoders/{encoder}.{name}.csv" for encoder in encoders_by_padding(run, task).values()]


def figure1_files(run: RunConfig) -> list[str]:
    """The saliency of images and of cropped copies."""
    return [f"{run.results}/predictions/{run.section(Tasks).saliency}/crops.npz"]


def predicted_files(run: RunConfig) -> list[str]:
    """The predicted classes that the figure of segmentations shows: with padding, then without."""
    tasks = run.section(Tasks)
    encoders = (tasks.segmentation, tasks.segmentation_without_padding)
    return [f"{run.results}/predictions/{encoder}/segmentations.npz" for encoder in encoders]


def table6_cells(run: RunConfig) -> list[Cell]:
    """Position in encoders trained for each task, and in those beside them, on every set of images."""
    tasks = run.section(Tasks)
    models = {"VGG": tasks.classification, "VGG-SOD": tasks.saliency, "VGG-SS": tasks.segmentation}
    models |= {name: name for name in tasks.beside}
    return [
        Cell(model, encoder, BASE, pattern, role, images)
        for pattern in MOST_PATTERNS
        for model, encoder in models.items()
        for role, images in run.images.tests.items()
    ]


def tuning_cells(run: RunConfig) -> list[Cell]:
    """Position after each saved step, for the encoders of Table 6 that are trained here; none if `steps` is off."""
    tasks = run.section(Tasks)
    trained = [name for name in tasks.of_table6 if tasks.steps and run.registry.encoders[name].task]
    return [
        Cell(name, encoder, BASE, pattern, "natural", run.images.natural, (("steps", steps),))
        for name in trained
        for steps, encoder in checkpoints_by_step(run, name).items()
        for pattern in MOST_PATTERNS
    ]
