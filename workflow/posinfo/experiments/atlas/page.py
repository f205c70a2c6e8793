"""The atlas as one page that opens from the disk: every map of every network inside, drawn by a few lines of script."""

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

from posinfo.experiments.atlas.drawn import RING, Drawn
from posinfo.figures.style import ERROR, MAP, scale_of
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.protocol.patterns import ground_truth
from posinfo.protocol.readout import Readout
from posinfo.run.config import RunConfig
from posinfo.store.errors import InputError
from posinfo.store.files import write_text

TEMPLATE = Path(__file__).parent / "page.html"
LARGEST = 20_000_000  # bytes of a page that a browser opens at once


def _text(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _levels(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    scaled = (values.astype(np.float64) - low) / max(high - low, 1e-9) * 255
    return np.asarray(scaled.round().clip(0, 255), dtype=np.uint8)


def _colours(name: str) -> str:
    shades = mpl.colormaps[name](np.arange(256))[:, :3]
    return _text((shades * 255).round().astype(np.uint8))


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def content(
    run: RunConfig, scores: pd.DataFrame, drawn: Mapping[str, Drawn], pictures: Mapping[str, NDArray[np.uint8]]
) -> dict[str, Any]:
    """What the page shows, as JSON takes it; maps in 256 levels between a network's smallest and largest value.

    Args:
        scores: as `tables.summaries.read_scores` gives them.
        drawn: of every encoder of the atlas.
        pictures: name to uint8 [224, 224, 3], of those that were drawn.
    """
    first = next(iter(drawn.values()))
    grouped = scores.groupby(["encoder", "readout", "pattern"])[["spc", "mae"]].mean().round(3)
    means = dict(zip(grouped.index.tolist(), grouped.to_numpy().tolist(), strict=True))
    of_seed = scores[scores["seed"] == run.seeds[0]].set_index(["encoder", "readout", "pattern", "image"])["spc"]
    of_map = dict(zip(of_seed.index.tolist(), of_seed.round(3).tolist(), strict=True))
    truths = {}
    for pattern in first.patterns:
        low, high = scale_of(pattern, run)
        truth = ground_truth(pattern, IMAGE_SIDE, run.patterns)
        truths[pattern] = {"low": low, "high": high, "levels": _text(_levels(truth, low, high))}
    encoders = []
    for member in run.atlas.members(run.registry):
        maps = drawn[member.encoder]
        low, high = float(maps.maps.min()), float(maps.maps.max())
        names = [Readout(stages=stage).name for stage in maps.readouts]
        cells = [[(member.encoder, name, pattern) for pattern in maps.patterns] for name in names]
        encoders.append(
            {
                "name": member.encoder,
                "network": member.network,
                "weights": member.weights,
                "title": run.registry.encoders[member.encoder].title or member.encoder,
                "stages": maps.readouts,
                "side": maps.maps.shape[-1],
                "low": low,
                "high": high,
                "levels": _text(_levels(maps.maps, low, high)),
                "errors": np.round(maps.errors.astype(float), 4).tolist(),
                "scores": [[means[key] for key in row] for row in cells],
                "drawn": [[[of_map[*key, name] for name in maps.names] for key in row] for row in cells],
            }
        )
    return {
        "patterns": first.patterns,
        "pictures": [{"name": name, "jpeg": _jpeg(pictures[name])} for name in first.names],
        "truths": truths,
        "ring": RING,
        "size": IMAGE_SIDE,
        "corners": run.alignment.corners,
        "map": _colours(MAP),
        "error": _colours(ERROR),
        "encoders": encoders,
    }


def write_page(shown: Mapping[str, Any], path: Path) -> None:
    """Write the page with its content inside.

    Raises:
        InputError: when it would be larger than a browser opens at once.
    """
    # `</` would end the script in which the content stands.
    text = json.dumps(shown, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    page = TEMPLATE.read_text(encoding="utf-8").replace("{{content}}", text)
    if len(page) > LARGEST:
        raise InputError(
            f"{path} would have {len(page) / 1e6:.0f} MB, more than {LARGEST / 1e6:.0f}: name fewer encoders or draws "
            "in the config's atlas"
        )
    write_text(path, page)
