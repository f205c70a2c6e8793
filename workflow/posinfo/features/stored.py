"""Stored feature maps, opened and checked. Imports no encoder, since that import takes longer than torch's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posinfo.features.writing import SIDECAR
from posinfo.protocol.alignment import Alignment, StageFit, StageShape
from posinfo.protocol.readout import Readout
from posinfo.registry.entries import Fit
from posinfo.store.errors import InputError, unknown
from posinfo.store.files import read_json, sha256_of
from posinfo.store.provenance import code_digest
from posinfo.store.sidecars import expect


@dataclass(frozen=True)
class StageFeatures:
    """The feature maps of one stage for one set of images.

    Attributes:
        name: of the stage.
        array: memory-mapped [N, C, h, h], float16 or float32.
        metadata: of the directory (encoder, images, alignment ...) and of the stage (sha256, shape, rms ...).
        fit: how a readout cuts or resizes the maps; None to read them whole.
    """

    name: str
    array: NDArray[np.float16 | np.float32]
    metadata: dict[str, Any]
    fit: StageFit | None = None

    @property
    def shape(self) -> StageShape:
        """Name, channels, stored side and fit."""
        return StageShape(self.name, self.array.shape[1], self.array.shape[2], self.fit)

    @property
    def alignment(self) -> Alignment:
        """The common size for which the stage was stored."""
        return Alignment.model_validate(self.metadata["alignment"])


def read_features(folder: Path, stages: Sequence[str] | None = None, fit: Fit | None = None) -> list[StageFeatures]:
    """Open the stages of one encoder for one set of images, once they are what the sidecar says.

    Args:
        folder: {encoder}/{images}, which holds {stage}.npy and features.json.
        stages: the stages to open, in this order; by default all, in the encoder's order, shallow first.
        fit: of an encoder that reads another encoder's maps cut or resized.

    Raises:
        InputError: when the sidecar or a stage is missing, or bytes, shape, side, code or set of images are not what
            the sidecar says. The message names both sides.
    """
    remedy = f"delete {folder} and run again: snakemake {folder}"
    if not (folder / SIDECAR).is_file():
        raise InputError(f"{folder} holds no {SIDECAR}, which says what its features were made from; {remedy}")
    common = read_json(folder / SIDECAR)
    stored: dict[str, dict[str, Any]] = common.pop("stages", {})
    expect(folder, "set of images", common.get("images"), folder.name, remedy)
    expect(folder, "code of extraction.py", common.get("code"), code_digest("features.extraction"), remedy)
    found = []
    for name in stored if stages is None else stages:
        if name not in stored:
            raise InputError(f"{folder}: {unknown('stage', name, stored)}")
        features = _open_stage(folder / f"{name}.npy", {**common, "stage": name, **stored[name]}, fit, remedy)
        found.append(features)
    if not found:
        raise InputError(f"{folder / SIDECAR} names no stages; {remedy}")
    return found


def read_by(readouts: Iterable[Readout], stages: Sequence[StageFeatures]) -> list[StageFeatures]:
    """Those stages that some of the readouts read, in their order.

    Raises:
        InputError: when a readout names a stage that is not among them.
    """
    names = [stage.name for stage in stages]
    read = {name for readout in readouts for name in readout.stages_read(names)}
    return [stage for stage in stages if stage.name in read]


def _open_stage(path: Path, metadata: dict[str, Any], fit: Fit | None, remedy: str) -> StageFeatures:
    if not path.is_file():
        raise InputError(f"{path} is missing, though {SIDECAR} names it; {remedy}")
    expect(path, "bytes (sha256)", metadata.get("sha256"), sha256_of(path), remedy)
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    expect(path, "shape", metadata.get("shape"), list(array.shape), remedy)
    native = metadata["native_side"]
    opened = StageFeatures(path.stem, array, metadata, _stage_fit(path, native, fit) if fit else None)
    expect(path, "side", min(native, opened.alignment.side), opened.shape.side, remedy)
    return opened


def _stage_fit(path: Path, native: int, fit: Fit) -> StageFit:
    if path.stem not in fit.sides:
        raise InputError(
            f"fit: sides names {', '.join(fit.sides)}, not stage {path.stem} of {path.parent}; add its side"
        )
    side = fit.sides[path.stem]
    if fit.how == "crop" and side > native:
        raise InputError(f"fit: {path} has maps of side {native}, too small to crop to {side}; name a smaller side")
    return StageFit(fit.how, native, side)
