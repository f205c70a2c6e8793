"""Pictures with answers: a textured shape of one photograph on a crop of another, with its kind and its masks.

Place, size and turn are drawn uniformly, so that where a thing is says nothing about what it is; or, as a control, the
place is the middle. Made from a set of images, so that test compositions never hold a training photograph.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from posinfo.registry.entries import Placed
from posinfo.store.errors import InputError

Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
Plane = NDArray[np.float64]
SIZES = (0.2, 0.4)  # radius of a shape, of the picture's side
CUT = (0.4, 1.0)  # side of the square cut from a view, of the view's side
APART = 128  # of 255, two greys
VISIBLE = 0.25  # share of a shape that must lie in the picture
MIDDLE = (0.45, 0.55)  # of the picture's side: where centres lie that are placed centrally


@dataclass(frozen=True)
class Labelled:
    """A picture and what is to be found in it.

    Attributes:
        picture: RGB, uint8 [side, side, 3].
        saliency: 1 on the thing, 0 elsewhere, uint8 [side, side].
        classes: 0 on the background, 1 + kind on the thing, 255 where nobody says, uint8 [side, side].
        kind: what the thing is, from 0.
    """

    picture: Pixels
    saliency: Pixels
    classes: Pixels
    kind: int


def _star(x: Plane, y: Plane) -> Mask:
    angle = np.abs((np.arctan2(y, x) + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5)  # from the nearest tip
    inner = 0.4
    # The edge is the line from the tip (1, 0) to the notch at an angle of 36 degrees and radius `inner`.
    notch = np.array([np.cos(np.pi / 5), np.sin(np.pi / 5)]) * inner
    distance = np.hypot(x, y)
    across, along = distance * np.sin(angle), distance * np.cos(angle)
    return np.asarray(notch[1] * (along - 1) - (notch[0] - 1) * across <= 0)


def _triangle(x: Plane, y: Plane) -> Mask:
    return np.asarray((y <= 0.5) & (np.sqrt(3) * np.abs(x) - y <= 1))


# Each inside the unit circle, given x to the right and y down.
SHAPES: dict[str, Callable[[Plane, Plane], Mask]] = {
    "disc": lambda x, y: np.hypot(x, y) <= 0.9,
    "ring": lambda x, y: np.abs(np.hypot(x, y) - 0.75) <= 0.2,
    "square": lambda x, y: np.maximum(np.abs(x), np.abs(y)) <= 0.7,
    "triangle": _triangle,
    "star": _star,
    "cross": lambda x, y: (np.minimum(np.abs(x), np.abs(y)) <= 0.25) & (np.maximum(np.abs(x), np.abs(y)) <= 0.92),
}


@dataclass(frozen=True)
class Placement:
    """Where a shape is put: centre and radius in pixels, turn in radians; the centre may lie outside the picture."""

    x: float
    y: float
    radius: float
    turn: float

    def mask(self, shape: str, side: int) -> Mask:
        """The pixels of a picture that the shape covers, bool [side, side]."""
        covered = np.zeros((side, side), bool)
        (left, right), (top, bottom) = (self._reach(centre, side) for centre in (self.x, self.y))
        across = (np.arange(left, right) + 0.5 - self.x)[None, :]
        down = (np.arange(top, bottom) + 0.5 - self.y)[:, None]
        cosine, sine = np.cos(self.turn) / self.radius, np.sin(self.turn) / self.radius
        shown = SHAPES[shape](across * cosine + down * sine, down * cosine - across * sine)
        covered[top:bottom, left:right] = shown
        return covered

    def _reach(self, centre: float, side: int) -> tuple[int, int]:
        """The pixels that the shape can touch: first, and one after the last."""
        first, last = np.clip([np.floor(centre - self.radius), np.ceil(centre + self.radius) + 1], 0, side)
        return int(first), int(last)


def place(rng: np.random.Generator, shape: str, side: int, placed: Placed = "uniformly") -> tuple[Placement, Mask]:
    """A random placement with at least `VISIBLE` of the shape in the picture, and its mask.

    Centres are drawn from beyond the border too, as far as a shape can reach in: drawn inside alone, shapes would
    cover the border half as often as the middle, and that would be position. As it is, the outermost pixels are covered
    about two thirds as often, since of the shapes that only just reach in too little is seen to tell their kind. Placed
    centrally, all centres lie in the middle.
    """
    radius, turn = rng.uniform(*SIZES) * side, rng.uniform(0, 2 * np.pi)
    whole = Placement(2 * radius, 2 * radius, radius, turn).mask(shape, int(np.ceil(4 * radius))).sum()
    while True:
        low, high = (-radius, side + radius) if placed == "uniformly" else (MIDDLE[0] * side, MIDDLE[1] * side)
        x, y = rng.uniform(low, high, 2)
        placement = Placement(float(x), float(y), float(radius), float(turn))
        mask = placement.mask(shape, side)
        if mask.sum() >= VISIBLE * whole:
            return placement, mask


class Compositions:
    """An endless series of compositions; number i is the same each time and needs none of the others.

    Args:
        pictures: views of photographs, uint8 [N, side, side, 3]; memory-mapped is fine.
        photographs: which photograph each view shows, int64 [N].
        seed: of the series.
        side: of the compositions, in pixels.
        plain_until: the number of the first composition that is all texture. Those before it fade from two greys into
            their textures, one after the other: what is to be learnt is easier to see at first.
        placed: where things stand.

    Raises:
        InputError: when the views show one photograph only.
    """

    def __init__(
        self,
        pictures: Pixels,
        photographs: NDArray[np.int64],
        seed: int,
        side: int,
        plain_until: int = 0,
        placed: Placed = "uniformly",
    ) -> None:
        if len(set(photographs.tolist())) < 2:
            raise InputError("compositions need views of at least two photographs: one to cut from, one to put it on")
        self.pictures, self.photographs, self.seed, self.side = pictures, photographs, seed, side
        self.plain_until, self.placed = plain_until, placed

    kinds = tuple(SHAPES)
    classes = ("background", *SHAPES)
    scenes = False

    def __getitem__(self, index: int) -> Labelled:
        """Composition number `index`."""
        rng = np.random.default_rng([self.seed, index])
        ground = self._ground(rng)
        kind = int(rng.integers(len(SHAPES)))
        _, mask = place(rng, self.kinds[kind], self.side, self.placed)
        others = np.flatnonzero(self.photographs != self.photographs[ground])
        texture = int(rng.choice(others))
        picture = np.where(mask[:, :, None], self._cut(rng, texture), self._cut(rng, ground))
        if index < self.plain_until:
            thing, behind = _two_greys(rng)
            greys = np.where(mask, thing, behind)[:, :, None]
            picture = (picture + (greys - picture) * (1 - index / self.plain_until)).round().astype(np.uint8)
        return Labelled(picture, mask.astype(np.uint8), (mask * np.uint8(1 + kind)).astype(np.uint8), kind)

    def answer(self, index: int) -> Pixels:
        """The classes of composition number `index` without its picture, which takes most of the time."""
        rng = np.random.default_rng([self.seed, index])
        self._ground(rng)
        kind = int(rng.integers(len(SHAPES)))
        _, mask = place(rng, self.kinds[kind], self.side, self.placed)
        return np.asarray(mask * np.uint8(1 + kind))

    def name(self, index: int) -> str:
        """The photograph in the background and the number: `3-17`, so that what shares a photograph is known."""
        ground = self._ground(np.random.default_rng([self.seed, index]))
        return f"{self.photographs[ground]}-{index}"

    def _ground(self, rng: np.random.Generator) -> int:
        return int(rng.integers(len(self.photographs)))

    def _cut(self, rng: np.random.Generator, index: int) -> Pixels:
        """A square of a view, turned by quarters and mirrored at random, at the side of the compositions."""
        view = self.pictures[index]
        cut = round(float(rng.uniform(*CUT)) * len(view))
        top, left = rng.integers(0, len(view) - cut + 1, 2)
        square = Image.fromarray(np.ascontiguousarray(view[top : top + cut, left : left + cut]))
        resized = np.asarray(square.resize((self.side, self.side), Image.Resampling.BILINEAR))
        turned = np.rot90(resized, int(rng.integers(4)))
        return turned[:, ::-1] if rng.integers(2) else turned


def _two_greys(rng: np.random.Generator) -> tuple[float, float]:
    """Two shades, uniform among those at least `APART` apart."""
    while True:
        one, other = rng.uniform(0, 255, 2)
        if abs(one - other) >= APART:
            return float(one), float(other)
