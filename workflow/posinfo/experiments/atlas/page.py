"""The atlas as one page that opens from the disk: it holds every map, and a short script draws them."""

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from posinfo.experiments.atlas.inputs import members
from posinfo.experiments.atlas.maps import RING
from posinfo.figures.style import ERROR, MAP, name_of, scale_of
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.protocol.patterns import ground_truth
from posinfo.protocol.readout import Readout
from posinfo.run.config import RunConfig
from posinfo.store.errors import InputError
from posinfo.store.files import write_text

TEMPLATE = Path(__file__).parent / "page.html"
LARGEST = 20_000_000  # bytes of a page that a browser opens at once


def content(
    run: RunConfig,
    scores: pd.DataFrame,
    predicted: Mapping[str, Mapping[str, NDArray[Any]]],
    images: Mapping[str, NDArray[np.uint8]],
) -> dict[str, Any]:
    """The page's content, as plain values for JSON.

    Maps have 256 levels between the smallest and the largest value of their encoder.

    Args:
        run: the config.
        scores: as `tables.summaries.read_scores` returns them.
        predicted: every encoder of the atlas to the arrays that `commands.atlas_maps` stores.
        images: name to uint8 [224, 224, 3], of those in `predicted`.
    """
    first = next(iter(predicted.values()))
    patterns = first["patterns"].tolist()
    shown = first["images"].tolist()
    keys = ["encoder", "readout", "pattern"]
    means = scores.groupby(keys)[["spc", "mae"]].mean().round(3)
    of_seed = scores[scores["seed"] == run.seeds[0]].set_index([*keys, "image"])["spc"].round(3)
    encoders = []
    for one in members(run):
        maps = predicted[one.encoder]["maps"]
        stages = predicted[one.encoder]["stages"].tolist()
        readouts = [Readout(stages=stage).name for stage in stages]
        cells = pd.MultiIndex.from_product([[one.encoder], readouts, patterns])
        cells_of_map = pd.MultiIndex.from_product([[one.encoder], readouts, patterns, shown])
        shape = maps.shape[:3]
        encoders.append(
            {
                **vars(one),
                "title": run.registry.encoders[one.encoder].title or one.encoder,
                "stages": stages,
                "side": maps.shape[-1],
                **_levels(maps, float(maps.min()), float(maps.max())),
                "errors": np.round(predicted[one.encoder]["errors"].astype(float), 4).tolist(),
                "scores": means.loc[cells].to_numpy().reshape(*shape[:2], 2).tolist(),
                "spcOfMap": of_seed.loc[cells_of_map].to_numpy().reshape(shape).tolist(),
            }
        )
    truths = {pattern: ground_truth(pattern, IMAGE_SIDE, run.patterns) for pattern in patterns}
    return {
        "patterns": patterns,
        "named": {pattern: name_of(pattern) for pattern in patterns},
        "images": [{"name": name, "jpeg": _jpeg(images[name])} for name in shown],
        "truths": {pattern: _levels(truth, *scale_of(pattern, run)) for pattern, truth in truths.items()},
        "ring": RING,
        "size": IMAGE_SIDE,
        "corners": run.alignment.corners,
        "map": _colours(MAP),
        "error": _colours(ERROR),
        "encoders": encoders,
    }


def _levels(values: NDArray[Any], low: float, high: float) -> dict[str, Any]:
    """Values as levels from 0 (`low`) to 255 (`high`)."""
    scaled = (values.astype(np.float64) - low) / max(high - low, 1e-9) * 255
    return {"low": low, "high": high, "levels": _base64(scaled.round().clip(0, 255))}


def _base64(values: NDArray[Any]) -> str:
    """Whole numbers from 0 to 255 as bytes in base64."""
    return base64.b64encode(values.astype(np.uint8).tobytes()).decode()


def _colours(name: str) -> str:
    """The 256 colours of a colour map."""
    shades = mpl.colormaps[name](np.arange(256))[:, :3]
    return _base64((shades * 255).round())


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def write_page(shown: Mapping[str, Any], path: Path) -> None:
    """Write the page with its content inside.

    Raises:
        InputError: when the page is larger than a browser opens at once.
    """
    # `</` would end the script element that holds the content.
    text = json.dumps(shown, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    page = TEMPLATE.read_text(encoding="utf-8").replace("{{content}}", text)
    if len(page) > LARGEST:
        raise InputError(
            f"{path} would have {len(page) / 1e6:.0f} MB, more than {LARGEST / 1e6:.0f}: name fewer encoders or draws "
            "in the config's atlas"
        )
    write_text(path, page)
