"""Absolute location learned from scratch: small networks by padding, on images of a red and a green square.

The height of the squares gives away which of them is left. Class 0 (red left of green) is in the upper half, class 1
(green left of red) in the lower; at unseen positions the halves are swapped. Images, networks and training are those of
Kayhan and van Gemert, "On Translation Invariance in CNNs" (CVPR 2020), as their release defines them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

SIDE = 32  # of an image, in pixels
SQUARE = 4  # side of a square, in pixels
UPPER = 7  # the mean row of a square's top in the upper half
LOWER = 16  # rows from the upper to the lower half
JITTER = 4  # rows that a square may be off
DATA_SEED = 0  # of the images, which all networks share
BATCH = 200  # images a step
PATIENCE = 8  # epochs without a better validation loss


@dataclass(frozen=True)
class Squares:
    """Images, float32 [N, 3, 32, 32] in {0, 1}, and the colour that is left, int64 [N]: 0 red, 1 green."""

    images: torch.Tensor
    labels: torch.Tensor


def draw_squares(count: int, rng: np.random.Generator, device: torch.device) -> dict[str, Squares]:
    """Draw images at the positions of the training (`seen`), and the same with the halves swapped (`unseen`).

    The left square's column is 0 to 9, the right one's at least 5 further and at most 27; rows are off by -4 to 3 from
    7 in the upper half, 23 in the lower. Classes alternate.
    """
    labels = np.arange(count) % 2
    left = rng.integers(0, 10, count)
    right = rng.integers(left + SQUARE + 1, SIDE - SQUARE)
    rows = rng.integers(-JITTER, JITTER, (2, count)) + UPPER
    found = {}
    for positions, in_lower_half in (("seen", labels), ("unseen", 1 - labels)):
        images = np.zeros((count, 3, SIDE, SIDE), np.float32)
        top_rows = rows + LOWER * in_lower_half
        # Class 0 has red, channel 0, at the left.
        for channels, tops, columns in ((labels, top_rows[0], left), (1 - labels, top_rows[1], right)):
            for image, channel, top, column in zip(images, channels, tops, columns, strict=True):
                image[channel, top : top + SQUARE, column : column + SQUARE] = 1
        found[positions] = Squares(torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device))
    return found


def build_network(padding: str, seed: int) -> nn.Module:
    """Four 3x3 convolutions without bias (32, 32, 64, 64 channels; strides 1, 2, 2, 2), global maximum, linear layer.

    Weights are uniform within 1 / sqrt(fan in), as torch draws them, from a generator of their own.

    Args:
        padding: `valid` without padding, `same` with 1 pixel of zeros, `same, circular` with 1 of the other side,
            `full` with 2 of zeros: every position where the kernel touches the image.
        seed: of the weights.
    """
    generator = torch.Generator().manual_seed(seed)
    width = {"valid": 0, "full": 2}.get(padding, 1)
    mode: Literal["circular", "zeros"] = "circular" if padding == "same, circular" else "zeros"
    layers: list[nn.Module] = []
    with torch.device("meta"):  # nothing is drawn from the process's own generator
        for inputs, outputs, stride in ((3, 32, 1), (32, 32, 2), (32, 64, 2), (64, 64, 2)):
            layers.append(nn.Conv2d(inputs, outputs, 3, stride, width, bias=False, padding_mode=mode))
            layers.append(nn.ReLU())
        layers += [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, 2)]
    network = nn.Sequential(*layers).to_empty(device="cpu")
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                bound = parameter[0].numel() ** -0.5
            parameter.uniform_(-bound, bound, generator=generator)  # a bias within the bound of its weights
    return network


def train_network(padding: str, seed: int, train: Squares, validation: Squares, epochs: int) -> nn.Module:
    """Train a network by Adadelta (rate 1, rho .9, weight decay 5e-5) in the fixed order, and return its best epoch.

    Args:
        padding: as for `build_network`.
        seed: of the weights.
        validation: its loss chooses the epoch, and ends the training after 8 epochs without a lower one.
    """
    network = build_network(padding, seed).to(train.images.device)
    optimiser = torch.optim.Adadelta(network.parameters(), lr=1.0, rho=0.9, eps=1e-6, weight_decay=5e-5)
    lowest = float("inf")
    best = network.state_dict()
    waited = 0
    for _ in range(epochs):
        for start in range(0, len(train.labels), BATCH):
            batch = slice(start, start + BATCH)
            optimiser.zero_grad()
            loss = functional.cross_entropy(network(train.images[batch]), train.labels[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.inference_mode():
            validated = float(functional.cross_entropy(network(validation.images), validation.labels))
        if validated < lowest:
            lowest = validated
            waited = 0
            best = {name: values.clone() for name, values in network.state_dict().items()}
        else:
            waited += 1
            if waited > PATIENCE:
                break
    network.load_state_dict(best)
    return network


def measure_accuracy(padding: str, seeds: list[int], examples: int, epochs: int, device: torch.device) -> pd.DataFrame:
    """Train networks with one padding, and test them on images at seen and at unseen positions.

    Args:
        padding: as for `build_network`.
        seeds: a network is trained from each.
        examples: training images; half as many for validation, half as many for testing.

    Returns:
        Columns padding, positions, image, seed, accuracy (0 or 1).
    """
    rng = np.random.default_rng(DATA_SEED)
    train = draw_squares(examples, rng, device)["seen"]
    validation = draw_squares(examples // 2, rng, device)["seen"]
    tests = draw_squares(examples // 2, rng, device)
    rows = []
    for seed in seeds:
        network = train_network(padding, seed, train, validation, epochs)
        for positions, test in tests.items():
            with torch.inference_mode():
                correct = network(test.images).argmax(1) == test.labels
            images = [f"{number}-0" for number in range(len(correct))]
            condition = {"padding": padding, "positions": positions, "image": images, "seed": seed}
            rows.append(pd.DataFrame({**condition, "accuracy": correct.double().cpu().numpy()}))
    return pd.concat(rows, ignore_index=True)
