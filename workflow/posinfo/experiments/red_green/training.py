"""Absolute location learned from scratch: which of two coloured squares stands left, where height gives it away.

The data and networks of Kayhan and van Gemert, "On Translation Invariance in CNNs" (CVPR 2020), as their release
defines them. Class 0 (red left of green) stands in the upper half while learning, class 1 (green left of red) in the
lower; in the unseen places the halves are swapped.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

SIDE, SQUARE = 32, 4  # pixels
UPPER, SWAP, JITTER = 7, 16, 4  # rows: of a square's top in the upper half, to the lower half, and how far it may stray
BATCH, PATIENCE = 200, 8  # pictures a step; epochs without a better validation loss
PLACES = ("seen", "unseen")


@dataclass(frozen=True)
class Squares:
    """Pictures, float32 [N, 3, 32, 32] in {0, 1}, and which colour stands left, int64 [N]: 0 red, 1 green."""

    pictures: torch.Tensor
    labels: torch.Tensor


def squares(count: int, rng: np.random.Generator) -> dict[str, Squares]:
    """Pictures at places as they are learnt from (`seen`), and the same with the halves swapped (`unseen`).

    The left square's column is 0 to 9, the right one's at least 5 further and at most 27; rows stray by -4 to 3 from 7
    in the upper half, 23 in the lower. Classes alternate.
    """
    labels = np.arange(count) % 2
    left = rng.integers(0, 10, count)
    right = rng.integers(left + SQUARE + 1, SIDE - SQUARE)
    rows = rng.integers(-JITTER, JITTER, (2, count)) + UPPER
    columns = {0: left, 1: right}
    found = {}
    for places, lower in (("seen", labels), ("unseen", 1 - labels)):
        pictures = np.zeros((count, 3, SIDE, SIDE), np.float32)
        for place in (0, 1):
            colour = (labels + place) % 2  # of the left square, then of the right one: red is 0
            _fill(pictures, colour, rows[place] + SWAP * lower, columns[place])
        found[places] = Squares(torch.from_numpy(pictures), torch.from_numpy(labels))
    return found


def _fill(
    pictures: NDArray[np.float32], colour: NDArray[np.int64], top: NDArray[np.int64], left: NDArray[np.int64]
) -> None:
    for index in range(len(pictures)):
        across = slice(left[index], left[index] + SQUARE)
        pictures[index, colour[index], top[index] : top[index] + SQUARE, across] = 1


def network(kind: str, seed: int) -> nn.Module:
    """Four 3x3 convolutions without bias (32, 32, 64, 64 channels; strides 1, 2, 2, 2), global maximum, linear layer.

    Weights are uniform within 1 / sqrt(fan in), as torch draws them, from a generator of their own.

    Args:
        kind: `valid` without padding, `same` with 1 pixel of zeros, `same, circular` with 1 of the other side, `full`
            with 2 of zeros: every place where the kernel touches the picture.
        seed: of the weights.
    """
    generator = torch.Generator().manual_seed(seed)
    padding = {"valid": 0, "full": 2}.get(kind, 1)
    mode: Literal["circular", "zeros"] = "circular" if kind == "same, circular" else "zeros"
    layers: list[nn.Module] = []
    with torch.device("meta"):  # nothing is drawn from the process's own generator
        for inputs, outputs, stride in ((3, 32, 1), (32, 32, 2), (32, 64, 2), (64, 64, 2)):
            layers.append(nn.Conv2d(inputs, outputs, 3, stride, padding, bias=False, padding_mode=mode))
            layers.append(nn.ReLU())
        layers += [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, 2)]
    model = nn.Sequential(*layers).to_empty(device="cpu")
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                bound = parameter[0].numel() ** -0.5
            parameter.uniform_(-bound, bound, generator=generator)  # a bias within the bound of its weights
    return model


def learned(kind: str, seed: int, train: Squares, validation: Squares, epochs: int, device: torch.device) -> nn.Module:
    """A network trained by Adadelta (rate 1, rho .9, weight decay 5e-5) in the fixed order; its best epoch is kept.

    Args:
        validation: chooses the epoch by its loss, and ends the training after 8 epochs without a better one.
    """
    model = network(kind, seed).to(device)
    optimiser = torch.optim.Adadelta(model.parameters(), lr=1.0, rho=0.9, eps=1e-6, weight_decay=5e-5)
    best, state, worse = float("inf"), model.state_dict(), 0
    for _ in range(epochs):
        model.train()
        for start in range(0, len(train.labels), BATCH):
            pictures, labels = (part[start : start + BATCH].to(device) for part in (train.pictures, train.labels))
            optimiser.zero_grad()
            loss = functional.cross_entropy(model(pictures), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.inference_mode():
            said = model.eval()(validation.pictures.to(device))
            found = float(functional.cross_entropy(said, validation.labels.to(device)))
        if found < best:
            best, worse = found, 0
            state = {name: values.clone() for name, values in model.state_dict().items()}
        else:
            worse += 1
            if worse > PATIENCE:
                break
    model.load_state_dict(state)
    return model.eval()


def told_apart(
    kind: str, starts: list[int], examples: int, epochs: int, device: torch.device, data_seed: int = 0
) -> pd.DataFrame:
    """Whether networks with one kind of padding name the class of test pictures at seen and at unseen places.

    Args:
        starts: a network is trained from each.
        examples: pictures that are learnt from; half as many choose the epoch, half as many are tested on.
        data_seed: of the pictures, which all networks share.

    Returns:
        Columns padding, places, image, seed, accuracy (0 or 1).
    """
    rng = np.random.default_rng(data_seed)
    train, validation = squares(examples, rng)["seen"], squares(examples // 2, rng)["seen"]
    tests = squares(examples // 2, rng)
    rows = []
    for seed in starts:
        model = learned(kind, seed, train, validation, epochs, device)
        for places in PLACES:
            with torch.inference_mode():
                right = model(tests[places].pictures.to(device)).argmax(1).cpu() == tests[places].labels
            image = [f"{number}-0" for number in range(len(right))]
            named = {"padding": kind, "places": places, "image": image, "seed": seed}
            rows.append(pd.DataFrame({**named, "accuracy": right.double().numpy()}))
    return pd.concat(rows, ignore_index=True)
