"""The steps of a run before it starts: disk of every result, multiply-adds and reading of every step.

Sizes and costs follow from the registry and from shapes on the meta device; nothing is read or computed.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch.utils.flop_counter import FlopCounterMode

from posinfo.encoders.architectures import fitted, tapped
from posinfo.encoders.taps import network
from posinfo.protocol.alignment import IMAGE_SIDE, StageShape
from posinfo.protocol.readout import Readout
from posinfo.registry.catalogue import Registry, look_up
from posinfo.registry.entries import ArchiveImages, ConstantImage, Encoder, Folder, Noise, Wheel
from posinfo.run.families import Family, families
from posinfo.run.inputs import Inputs
from posinfo.run.paths import Paths
from posinfo.run.tables import TABLES, atlas
from posinfo.sources.folders import photographs_in

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig

FLOAT16, FLOAT32 = 2, 4  # bytes
Kind = Literal["images", "encoders", "training", "features", "readouts"]


@dataclass(frozen=True)
class Step:
    """One kind of result of a run.

    Attributes:
        kind: which stage of the workflow makes it.
        name: encoder, set of images, or both.
        pictures: that pass through it.
        paths: file to its bytes.
        macs: multiply-adds of all its work.
        read: bytes of features that it reads, once for each epoch.
    """

    kind: Kind
    name: str
    pictures: int
    paths: dict[str, int]
    macs: float = 0.0
    read: float = 0.0


def pictures(name: str, registry: Registry) -> int:
    """How many pictures a set of images has.

    Raises:
        InputError: for an unknown set, or a folder that is not there.
    """
    entry = look_up("set of images", name, registry.images)
    if isinstance(entry, ConstantImage):
        return 1
    if isinstance(entry, Noise):
        return entry.draws
    if isinstance(entry, ArchiveImages):
        return entry.count
    if isinstance(entry, Folder):
        return len(photographs_in(Path(entry.folder), entry.count)) * entry.views
    collection = look_up("collection of photographs", entry.photographs, registry.photographs)
    sources = [look_up("source", source, registry.sources) for source in collection.sources]
    count = sum(len(source.members) for source in sources if isinstance(source, Wheel))
    return (count - collection.held_out if entry.part == "train" else collection.held_out) * entry.views


@dataclass(frozen=True)
class Forward:
    """One picture through an encoder: its stages as they come out, multiply-adds, and bytes of its weights."""

    stages: list[StageShape]
    macs: float
    weights: int

    def stored(self, run: "RunConfig") -> list[StageShape]:
        """The stages as they are stored: no larger than the common side."""
        side = run.alignment.side
        return [StageShape(stage.name, stage.channels, min(stage.side, side)) for stage in self.stages]


def forward(entry: Encoder) -> Forward:
    """One forward pass, on the meta device."""
    model = network(entry.architecture, entry.padding)
    reader = tapped(model, entry.taps)
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        maps = reader.eval()(torch.empty(1, 3, IMAGE_SIDE, IMAGE_SIDE, device="meta"))
        if entry.fit:
            maps = {stage: fitted(map_, entry.fit.how, entry.fit.sides[stage]) for stage, map_ in maps.items()}
    shapes = [StageShape(stage, maps[stage].shape[1], maps[stage].shape[2]) for stage in entry.stages]
    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    return Forward(shapes, counter.get_total_flops() / 2, weights)


def _passes(entries: dict[str, Encoder]) -> dict[str, Forward]:
    """The forward pass of each encoder, found once for those of one network, whatever their weights."""
    found: dict[str, Forward] = {}
    shape = {"architecture", "padding", "taps", "fit"}
    same = {name: entry.model_dump_json(include=shape) for name, entry in entries.items()}
    for name, key in same.items():
        if key not in found:
            found[key] = forward(entries[name])
    return {name: found[key] for name, key in same.items()}


def steps(run: "RunConfig") -> list[Step]:
    """Every step of a whole run that fills disk or takes time."""
    made = families(run)
    cells = [cell for shown in [*(table.cells for table in TABLES.values()), atlas] for cell in shown(run)]
    entries = {family.encoder: look_up("encoder", family.encoder, run.registry.encoders) for family in made}
    others = [*run.tasks.encoders.values(), *Inputs(run).encoders_fetched()]
    known = {**entries, **{name: run.registry.encoders[name] for name in others}}
    passes = _passes(known)
    masked = run.sets_with_masks
    found = [_images(images, run) for images in dict.fromkeys([*(name for _, name in run.images), *masked])]
    found += [_masks(images, run) for images in masked]
    for encoder, entry in known.items():
        if entry.task and entry.variant_of is None:
            found.append(_training(encoder, passes[encoder], run))
        elif entry.weights and entry.variant_of is None:
            path = f"{run.resources}/encoders/{encoder}.safetensors"
            found.append(Step("encoders", encoder, 0, {path: passes[encoder].weights}))
    pairs = [(encoder, run.images.train) for encoder in entries] + [(cell.encoder, cell.images) for cell in cells]
    riding = {encoder for together in Inputs(run).passes() for encoder in together[1:]}
    for encoder, images in dict.fromkeys(pairs):
        step = _features(encoder, images, passes[encoder], run)
        found.append(replace(step, macs=0.0) if encoder in riding else step)
    return found + [_readouts(family, passes[family.encoder], run) for family in made]


def _images(name: str, run: "RunConfig") -> Step:
    count = pictures(name, run.registry)
    return Step("images", name, count, {f"{run.results}/images/{name}.npy": count * IMAGE_SIDE**2 * 3})


def _masks(name: str, run: "RunConfig") -> Step:
    count = pictures(name, run.registry)
    return Step("images", f"{name}, masks", count, {f"{run.results}/masks/{name}.npy": count * IMAGE_SIDE**2})


def _training(encoder: str, once: Forward, run: "RunConfig") -> Step:
    """Forward and backward; what is tested after each epoch is not counted."""
    recipe = run.tasks.recipe_of(run.registry.encoders[encoder])
    count, paths = recipe.epochs * recipe.pictures, Paths(run)
    files = [paths.trained(encoder), *(paths.kept(encoder, step) for step in run.kept(encoder))]
    return Step("training", encoder, count, dict.fromkeys(files, once.weights), macs=3 * count * once.macs)


def _features(encoder: str, images: str, once: Forward, run: "RunConfig") -> Step:
    count = pictures(images, run.registry)
    folder = f"{run.results}/features/{encoder}/{images}"
    paths = {f"{folder}/{stage.name}.npy": count * _bytes(stage) for stage in once.stored(run)}
    return Step("features", f"{encoder} x {images}", count, paths, macs=count * once.macs)


def _bytes(stage: StageShape) -> int:
    return stage.channels * stage.side**2 * FLOAT16


def _readouts(family: Family, once: Forward, run: "RunConfig") -> Step:
    count, epochs = pictures(run.images.train, run.registry), run.training.epochs
    stored = {stage.name: stage for stage in once.stored(run)}
    folder = f"{run.results}/readouts/{family.encoder}"
    paths: dict[str, int] = {}
    macs = 0.0
    for readout, patterns in family.patterns.items():
        stages = [stored[name] for name in readout.stages_read(list(stored))]
        widths = _widths(readout, stages, run)
        weights = sum(wide * narrow * readout.kernel**2 for wide, narrow in pairwise(widths))
        paths |= {
            f"{folder}/{readout.name}/{pattern}.safetensors": weights * len(run.seeds) * FLOAT32 for pattern in patterns
        }
        macs += len(patterns) * len(run.seeds) * _macs_of_a_step(readout, stages, widths, run)
    if family.exact:  # one pass, and a solution for each of a few strengths of the ridge
        channels = sum(stored[name].channels for name in family.stages(list(stored)))
        kernel = max(readout.kernel for readout in family.patterns)
        macs = (
            _products_of_pairs(kernel) * channels**2 * run.alignment.side**2 + 3 * (kernel**2 * channels) ** 3 / count
        )
        epochs = 1
    read = sum(_bytes(stored[name]) for name in family.stages(list(stored)))
    name = f"{family.encoder}, {family.name}"
    return Step("readouts", name, count, paths, macs=macs * count * epochs, read=float(read * count * epochs))


def _products_of_pairs(kernel: int) -> int:
    """Offsets at which a least-squares readout multiplies all pairs of channels: half of them, by symmetry."""
    return ((2 * kernel - 1) ** 2 + 1) // 2


def _widths(readout: Readout, stages: list[StageShape], run: "RunConfig") -> list[int]:
    channels = sum(stage.channels for stage in stages)
    hidden = channels if run.training.hidden == "same" else min(run.training.hidden, channels)
    return [channels, *[hidden] * (readout.layers - 1), 1]


def _macs_of_a_step(readout: Readout, stages: list[StageShape], widths: list[int], run: "RunConfig") -> float:
    """Of one head, one picture, forward and backward; the features themselves need no gradient."""
    if readout.layers == 1:
        return 2.0 * readout.kernel**2 * sum(stage.channels * stage.side**2 for stage in stages)
    total, side = 0.0, run.alignment.side
    for layer, (wide, narrow) in enumerate(pairwise(widths)):
        side += 2 * readout.margin - readout.kernel + 1
        total += (2 if layer == 0 else 3) * wide * narrow * readout.kernel**2 * side**2
    return total
