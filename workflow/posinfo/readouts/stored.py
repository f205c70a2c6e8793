"""Trained readouts as files: one safetensors file per readout, with every pattern and seed inside."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch

from posinfo.features.stored import StageFeatures
from posinfo.protocol.alignment import Alignment
from posinfo.protocol.patterns import Definition
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head, StackedReadouts
from posinfo.store.errors import InputError
from posinfo.store.provenance import code_digest
from posinfo.store.tensors import read_tensors, write_tensors


def save_readout(
    stack: StackedReadouts,
    measured: dict[str, torch.Tensor],
    path: Path,
    stages: Sequence[StageFeatures],
    training: Training,
    definition: Definition,
    alignment: Alignment,
    made_by: str = "readouts.training",
) -> None:
    """Write a trained stack as `path`, a safetensors file.

    Tensors, for layer n: `layer{n}.weight` [heads, out, in, k, k], `layer{n}.bias`, `.gamma`, `.beta`, `.mean` and
    `.var` [heads, out]; `inverse_scale` [stages]; and the `measured` tensors, each [heads, ...], such as `loss`
    [heads, epochs]. All float32. The metadata lists the heads in this order, as [pattern, seed], and what they were
    trained on.

    Args:
        stages: the features that the stack was trained on; stages that it does not read are ignored.
        made_by: module that made the weights; its digest is stored.
    """
    names = [shape.name for shape in stack.stages]
    read = [stage for stage in stages if stage.name in names]
    first_channels = [0, *accumulate(shape.channels for shape in stack.stages)][:-1]
    tensors = {**measured, **stack.tensors(), "inverse_scale": stack.conv.channel_scale[first_channels]}
    metadata = {
        "readout": stack.readout.name,
        "heads": [[head.pattern, head.seed] for head in stack.heads],
        **_origin(read, read),
        "trained_on": read[0].metadata["images"],
        "n_images": len(read[0].array),
        "features_sha256": {stage.name: stage.metadata["sha256"] for stage in read},
        "training": training.model_dump(),
        "definition": definition,
        "alignment": alignment.model_dump(),
        "made_by": made_by,
        "code": code_digest(made_by),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
    }
    write_tensors({name: tensor.cpu().numpy() for name, tensor in tensors.items()}, metadata, path)


def load_readout(path: Path, stages: Sequence[StageFeatures]) -> tuple[StackedReadouts, dict[str, Any]]:
    """Read a trained stack, ready to predict from `stages`, and its metadata.

    Raises:
        InputError: when the file was made by other code, or from an encoder, stages, fits or input preprocessing that
            differ from those of the features.
    """
    arrays, metadata = read_tensors(path)
    read = [stage for stage in stages if stage.name in metadata["stages"]]
    found = {
        "code": code_digest(metadata["made_by"]),
        "alignment": stages[0].metadata["alignment"],
        **_origin(stages, read),
    }
    for key, value in found.items():
        if metadata[key] != value:
            raise InputError(
                f"{path} does not fit the features of {stages[0].metadata['images']}: {key} was {metadata[key]} "
                f"when the readout was trained, is {value} now; delete the readout and run again"
            )
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    readout = Readout.parse(metadata["readout"])
    stack = StackedReadouts(
        readout,
        heads=[Head(readout, pattern, seed) for pattern, seed in metadata["heads"]],
        stages=[stage.shape for stage in read],
        inverse_scale=tensors["inverse_scale"].tolist(),
        alignment=Alignment(**metadata["alignment"]),
        training=Training(**metadata["training"]),
    )
    stack.load({name: tensor for name, tensor in tensors.items() if name.startswith("layer")})
    return stack.eval(), metadata


def _origin(stages: Sequence[StageFeatures], read: Sequence[StageFeatures]) -> dict[str, Any]:
    """What must be the same when a readout is trained and when it is used, as JSON gives it back.

    Args:
        stages: any of the encoder.
        read: those that the readout reads.
    """
    metadata = stages[0].metadata
    origin = {
        "encoder": metadata["encoder"],
        "entry": metadata.get("entry"),
        "weights_sha256": metadata["weights_sha256"],
        "features_code": metadata["code"],
        "preprocessing": metadata["preprocessing"],
        "stages": [stage.name for stage in read],
        "fits": [asdict(stage.fit) if stage.fit else None for stage in read],
    }
    return dict(json.loads(json.dumps(origin)))
