"""Location from pooled features: a linear readout of channel means names the cell of a small image on black.

The question of Islam, Kowal, Jia, Derpanis and Bruce, "Global Pooling, More than Meets the Eye" (ICCV 2021).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from posinfo.features.extraction import Preprocessing
from posinfo.images.views import photograph_of
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.store.errors import InputError

BATCH = 4  # images per forward pass
CHANNELS = ("in order", "shuffled")
Pooled = tuple[NDArray[np.float32], pd.DataFrame]  # channel means [placements, C], and the placements


def draw_placements(names: Sequence[str], grids: Sequence[int], per_cell: int, seed: int) -> pd.DataFrame:
    """Draw, for each cell of each grid, `per_cell` images of different photographs.

    Args:
        names: of the images, `photograph-view`.

    Returns:
        A row for each image in a cell: its number in the set; `image`, a unique name: the photograph and, behind the
        last dash, grid, cell and view; grid, the cells along a side; cell, row by row from the upper left, from 0.

    Raises:
        InputError: when there are fewer photographs.
    """
    rng = np.random.default_rng(seed)
    photograph = photograph_of(names)
    count = int(photograph.max()) + 1
    if count < per_cell:
        raise InputError(
            f"{per_cell} images per cell need {per_cell} photographs, the set has {count}; see config: pooled_location"
        )
    rows = []
    for grid in grids:
        for cell in range(grid**2):
            for chosen in rng.permutation(count)[:per_cell]:
                number = int(rng.choice(np.flatnonzero(photograph == chosen)))
                stem, view = names[number].rsplit("-", 1)
                rows.append({"number": number, "image": f"{stem}-{grid}.{cell}.{view}", "grid": grid, "cell": cell})
    return pd.DataFrame(rows)


def place_image(image: NDArray[np.uint8], patch: int, grid: int, cell: int) -> NDArray[np.uint8]:
    """Resize an image to patch x patch (bilinear, antialiased) and paste it in the middle of its cell, on black.

    Args:
        image: [side, side, 3].
        patch: at most the side of a cell, in pixels.

    Returns:
        [224, 224, 3].
    """
    side = IMAGE_SIDE // grid
    row, column = divmod(cell, grid)
    margin = (side - patch) // 2
    canvas = Image.new("RGB", (IMAGE_SIDE, IMAGE_SIDE))
    small = Image.fromarray(image).resize((patch, patch), Image.Resampling.BILINEAR)
    canvas.paste(small, (column * side + margin, row * side + margin))
    return np.asarray(canvas)


@torch.inference_mode()
def pool_features(
    model: nn.Module,
    preprocessing: Preprocessing,
    images: NDArray[np.uint8],
    placements: pd.DataFrame,
    patch: int,
    device: torch.device,
) -> NDArray[np.float32]:
    """Channel means over the map of the deepest stage: [placements, C].

    Args:
        model: images in, {stage: map} out; the last stage is read.
        images: [N, side, side, 3].
    """
    model = model.eval().to(device).to(memory_format=torch.channels_last)
    means = []
    for start in range(0, len(placements), BATCH):
        batch = placements[start : start + BATCH].to_dict("records")
        drawn = [place_image(images[row["number"]], patch, row["grid"], row["cell"]) for row in batch]
        maps = model(preprocessing.prepare(torch.from_numpy(np.stack(drawn)).to(device)))
        means.append(list(maps.values())[-1].mean((2, 3)))
    return torch.cat(means).cpu().numpy()


def classify_cells(train: Pooled, test: Pooled, seeds: Sequence[int]) -> pd.DataFrame:
    """Train a linear readout (logistic regression on standardised means) per grid and seed, and test each image.

    Each seed leaves out another training image of each cell, and draws the shuffles. `shuffled` permutes the channels
    of every image by a permutation of its own, in training as in test: channel values are kept, channel identity is
    lost.

    Returns:
        Columns grid, channels, image, seed, accuracy (0 or 1).
    """
    rows = []
    for grid in test[1]["grid"].unique():
        tested = test[1][test[1]["grid"] == grid]
        trained = train[1][train[1]["grid"] == grid]
        cells = trained["cell"].to_numpy()
        for seed in seeds:
            rng = np.random.default_rng([seed, grid])
            chosen = np.concatenate([rng.permutation(np.flatnonzero(cells == cell))[1:] for cell in np.unique(cells)])
            for channels in CHANNELS:
                parts = [train[0][trained.index[chosen]], test[0][tested.index]]
                if channels == "shuffled":
                    parts = [rng.permuted(part, axis=1) for part in parts]
                readout = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
                predicted = readout.fit(parts[0], cells[chosen]).predict(parts[1])
                condition = {"grid": grid, "channels": channels, "image": tested["image"], "seed": seed}
                rows.append(pd.DataFrame({**condition, "accuracy": (predicted == tested["cell"]).astype(float)}))
    return pd.concat(rows, ignore_index=True)
