"""Compositions: a textured shape of one photograph on a crop of another, with its class and its masks.

Position, size and rotation are drawn uniformly, so that position says nothing about the class; or, as a control, the
object lies in the middle. Made from a set of images, so that test compositions never hold a training photograph.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from posinfo.registry.entries import Placed
from posinfo.store.errors import InputError

Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
Plane = NDArray[np.float64]
SIZES = (0.2, 0.4)  # radius of a shape, of the image's side
CUT = (0.4, 1.0)  # side of the square cut from a view, of the view's side
APART = 128  # of 255, least difference of two greys
VISIBLE = 0.25  # share of a shape that must lie in the image
MIDDLE = (0.45, 0.55)  # of the image's side: where the centres of central objects lie


@dataclass(frozen=True)
class Labelled:
    """An image and its ground truth.

    Attributes:
        image: RGB, uint8 [side, side, 3].
        classes: 0 on the background, 1 + label on the object, 255 where there is no label, uint8 [side, side].
        label: the object's class, from 0.
    """

    image: Pixels
    classes: Pixels
    label: int


def _star(x: Plane, y: Plane) -> Mask:
    angle = np.abs((np.arctan2(y, x) + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5)  # from the nearest tip
    inner = 0.4
    # The edge is the line from the tip (1, 0) to the notch at an angle of 36 degrees and radius `inner`.
    notch = np.array([np.cos(np.pi / 5), np.sin(np.pi / 5)]) * inner
    distance = np.hypot(x, y)
    across = distance * np.sin(angle)
    along = distance * np.cos(angle)
    return np.asarray(notch[1] * (along - 1) - (notch[0] - 1) * across <= 0)


def _triangle(x: Plane, y: Plane) -> Mask:
    return np.asarray((y <= 0.5) & (np.sqrt(3) * np.abs(x) - y <= 1))


# Masks inside the unit circle; x points right and y down.
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
    """Where a shape lies: centre and radius in pixels, rotation in radians; the centre may lie outside the image."""

    x: float
    y: float
    radius: float
    rotation: float

    def mask(self, shape: str, side: int) -> Mask:
        """The pixels of an image that the shape covers, bool [side, side]."""
        pixels = np.arange(side) + 0.5
        across = (pixels - self.x)[None, :]
        down = (pixels - self.y)[:, None]
        cosine = np.cos(self.rotation) / self.radius
        sine = np.sin(self.rotation) / self.radius
        return SHAPES[shape](across * cosine + down * sine, down * cosine - across * sine)


def draw_placement(
    rng: np.random.Generator, shape: str, side: int, placed: Placed = "uniformly"
) -> tuple[Placement, Mask]:
    """A random placement with at least `VISIBLE` of the shape in the image, and its mask.

    Uniform centres are drawn from beyond the border too, as far as a shape reaches: drawn inside alone, shapes would
    cover the border half as often as the middle, and that would be position. As it is, the outermost pixels are
    covered about two thirds as often, since shapes that barely enter the frame are rejected. Central objects have all
    their centres in `MIDDLE`.
    """
    radius = rng.uniform(*SIZES) * side
    rotation = rng.uniform(0, 2 * np.pi)
    whole = Placement(2 * radius, 2 * radius, radius, rotation).mask(shape, int(np.ceil(4 * radius))).sum()
    low, high = (-radius, side + radius) if placed == "uniformly" else (MIDDLE[0] * side, MIDDLE[1] * side)
    while True:
        x, y = rng.uniform(low, high, 2)
        placement = Placement(float(x), float(y), float(radius), float(rotation))
        mask = placement.mask(shape, side)
        if mask.sum() >= VISIBLE * whole:
            return placement, mask


@dataclass(eq=False)
class Compositions:
    """An endless series of compositions; number i is the same each time and needs none of the others.

    Attributes:
        images: views of photographs, uint8 [N, side, side, 3]; memory-mapped is fine.
        photographs: the photograph that each view is cut from, int64 [N].
        seed: of the series.
        side: of the compositions, in pixels.
        plain_until: the number of the first composition that is all texture. Earlier ones fade from two greys into
            their textures: the task is easier at first.
        placed: where objects lie.

    Raises:
        InputError: when the views show one photograph only.
    """

    object_classes: ClassVar[tuple[str, ...]] = tuple(SHAPES)
    classes: ClassVar[tuple[str, ...]] = ("background", *SHAPES)
    background: ClassVar[bool] = True
    images: Pixels
    photographs: NDArray[np.int64]
    seed: int
    side: int
    plain_until: int = 0
    placed: Placed = "uniformly"

    def __post_init__(self) -> None:
        if len(set(self.photographs.tolist())) < 2:
            raise InputError("compositions need views of at least two photographs: an object's and a background's")

    def __getitem__(self, index: int) -> Labelled:
        """Composition number `index`."""
        rng, ground, label, mask = self._drawn(index)
        others = np.flatnonzero(self.photographs != self.photographs[ground])
        texture = int(rng.choice(others))
        image = np.where(mask[:, :, None], self._cut(rng, texture), self._cut(rng, ground))
        if index < self.plain_until:
            inside, outside = _two_greys(rng)
            greys = np.where(mask, inside, outside)[:, :, None]
            image = (image + (greys - image) * (1 - index / self.plain_until)).round().astype(np.uint8)
        return Labelled(image, np.asarray(mask * np.uint8(1 + label)), label)

    def class_map(self, index: int) -> Pixels:
        """The classes of composition number `index` without its image, which takes most of the time."""
        _, _, label, mask = self._drawn(index)
        return np.asarray(mask * np.uint8(1 + label))

    def name(self, index: int) -> str:
        """The background's photograph and the number, such as `3-17`: statistics group images of one photograph."""
        ground = self._generator(index).integers(len(self.photographs))
        return f"{self.photographs[ground]}-{index}"

    def _generator(self, index: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, index])

    def _drawn(self, index: int) -> tuple[np.random.Generator, int, int, Mask]:
        """The generator of a composition after its first draws: the background's view, the object's class and mask."""
        rng = self._generator(index)
        ground = int(rng.integers(len(self.photographs)))
        label = int(rng.integers(len(SHAPES)))
        _, mask = draw_placement(rng, self.object_classes[label], self.side, self.placed)
        return rng, ground, label, mask

    def _cut(self, rng: np.random.Generator, index: int) -> Pixels:
        """A square of a view, rotated by quarter turns and mirrored at random, at the side of the compositions."""
        view = self.images[index]
        cut = round(float(rng.uniform(*CUT)) * len(view))
        top, left = rng.integers(0, len(view) - cut + 1, 2)
        square = Image.fromarray(np.ascontiguousarray(view[top : top + cut, left : left + cut]))
        resized = np.asarray(square.resize((self.side, self.side), Image.Resampling.BILINEAR))
        rotated = np.rot90(resized, int(rng.integers(4)))
        return rotated[:, ::-1] if rng.integers(2) else rotated


def _two_greys(rng: np.random.Generator) -> tuple[float, float]:
    """Two shades, uniform among those at least `APART` apart."""
    while True:
        one, other = rng.uniform(0, 255, 2)
        if abs(one - other) >= APART:
            return float(one), float(other)
