"""Stored feature maps, opened for those who read them. Without the encoders, whose import takes longer than torch's."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.store.provenance import code_digest
from posinfo.store.sidecars import again, expect, verified


@dataclass(frozen=True)
class StageFeatures:
    """One stage of one set of pictures: the memory-mapped [N, C, h, h] array, float16 or float32, and its sidecar."""

    name: str
    array: NDArray[np.float16 | np.float32]
    metadata: dict[str, Any]

    @property
    def shape(self) -> StageShape:
        """Name, channels and stored side."""
        return StageShape(self.name, self.array.shape[1], self.array.shape[2])

    @property
    def alignment(self) -> Alignment:
        """The common size for which the stage was stored."""
        return Alignment.model_validate(self.metadata["alignment"])


def read_features(paths: list[Path]) -> list[StageFeatures]:
    """Open stages that belong together, refusing whatever the sidecars do not vouch for.

    Raises:
        InputError: when bytes, shape, code, weights, pictures or alignment are not what the sidecars say, or the
            stages were made from different things. The message names both sides.
    """
    stages = []
    for path in paths:
        metadata = verified(path)
        expect(path, "stage", metadata.get("stage"), path.stem, again(path))
        expect(path, "set of images", metadata.get("images"), path.parent.name, again(path))
        expect(path, "code of extraction.py", metadata.get("code"), code_digest("features.extraction"), again(path))
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        expect(path, "shape", metadata.get("shape"), list(array.shape), again(path))
        stages.append(StageFeatures(metadata["stage"], array, metadata))
    first = stages[0].metadata
    for path, stage in zip(paths, stages, strict=True):
        for key in ("encoder", "entry", "weights_sha256", "images_sha256", "alignment", "preprocessing"):
            expect(
                path, f"{key} as in {paths[0]}", stage.metadata.get(key), first.get(key), "delete both and run again"
            )
    return stages
