"""Splits: the examples that an encoder learns from, and those that it is tested on, opened from their files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posinfo.experiments.tasks.data.compositions import Compositions, Labelled, Pixels
from posinfo.experiments.tasks.data.masks import UNKNOWN, Mask, read_masks
from posinfo.experiments.tasks.recipes import COMPOSITIONS, Recipe
from posinfo.images.decoded import read_image_names, read_images, read_origins
from posinfo.images.views import photograph_of
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry.entries import Placed
from posinfo.store.errors import InputError

SEED = 0  # of the series of examples: the same for all encoders, so that they differ in nothing else


class LabelledSet:
    """Images and masks by number; beyond the last one the series repeats, each pass in another order.

    It has the same interface as `Compositions`.

    Args:
        images: uint8 [N, side, side, 3]; memory-mapped is fine.
        masks: 0 on the background, 1 + label on an object, 255 where there is no label; uint8 [N, side, side].
        names: of the images.
        seed: of the order of each pass; every other pass is mirrored. Without a seed, number i is image i.
        classes: names of the classes, where none is a background; else the values above 0 are objects.

    Raises:
        InputError: when the numbers of masks, images and names differ, or all masks are empty.
    """

    def __init__(
        self, images: Pixels, masks: Mask, names: list[str], seed: int | None = None, classes: Sequence[str] = ()
    ) -> None:
        if not len(images) == len(masks) == len(names):
            raise InputError(f"{len(images)} images, {len(masks)} masks and {len(names)} names do not go together")
        self.images = images
        self.masks = masks
        self.names = names
        self.seed = seed
        highest = max(int(mask[mask != UNKNOWN].max(initial=0)) for mask in masks)
        if highest == 0:
            raise InputError("no mask of the set shows an object; saliency masks are white on it, class masks above 0")
        self.background = not classes
        self.classes = tuple(classes) or ("background", *(str(value) for value in range(1, highest + 1)))
        self.object_classes = self.classes[1:]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Labelled:
        """Example number `index`; its label is that of the largest object."""
        number, mirrored = self._image_number(index)
        image = np.asarray(self.images[number])
        mask = self.class_map(index)
        counts = np.bincount(mask.ravel(), minlength=256)
        counts[[0, UNKNOWN]] = 0
        return Labelled(image[:, ::-1] if mirrored else image, mask, max(int(counts.argmax()) - 1, 0))

    def class_map(self, index: int) -> Mask:
        """The classes of example number `index`."""
        number, mirrored = self._image_number(index)
        mask = np.asarray(self.masks[number])
        return mask[:, ::-1] if mirrored else mask

    def name(self, index: int) -> str:
        """The name of the image."""
        return self.names[self._image_number(index)[0]]

    def _image_number(self, index: int) -> tuple[int, bool]:
        """The number of the image in the set, and whether it is mirrored."""
        if self.seed is None:
            return index, False
        lap, within = divmod(index, len(self.names))
        order = np.random.default_rng([self.seed, lap]).permutation(len(self.names))
        return int(order[within]), lap % 2 == 1


Examples = Compositions | LabelledSet


@dataclass(frozen=True)
class Split:
    """Examples to learn from or to be tested on.

    Attributes:
        name: the set of images, or the compositions of it.
        images: the csv of the images.
        examples: the series.
    """

    name: str
    images: Path
    examples: Examples

    @classmethod
    def open(cls, files: Sequence[Path], learned: Recipe | None = None, placed: Placed | None = None) -> "Split":
        """Compositions of a set of images, or a set with its masks.

        Args:
            files: the set's .npy, whose .csv says which views show one photograph; then the masks' .npy, if any.
            learned: the recipe, for examples to learn from (sets with masks are shuffled, mirrored and endless,
                compositions begin plain); without it they are tested on.
            placed: where objects lie in compositions; by default uniformly.
        """
        images = read_images(files[0])
        csv = files[0].with_suffix(".csv")
        names = read_image_names(csv)
        if len(files) == 1:
            plain = round(learned.plain * learned.epochs * learned.images) if learned else 0
            composed = Compositions(images, photograph_of(names), SEED, IMAGE_SIDE, plain, placed or "uniformly")
            return cls(f"{COMPOSITIONS} of {csv.stem}", csv, composed)
        masks, classes = read_masks(files[1])
        return cls(csv.stem, csv, LabelledSet(images, masks, names, SEED if learned else None, classes))

    def test_numbers(self, recipe: Recipe) -> list[int]:
        """The numbers of the examples to be tested on: the whole of a set with masks."""
        return list(range(recipe.tests if isinstance(self.examples, Compositions) else len(self.examples)))

    def evenly_spaced(self, count: int) -> list[int]:
        """The numbers of `count` examples, spread evenly over a set with masks."""
        if isinstance(self.examples, Compositions):
            return list(range(count))
        numbers = np.linspace(0, len(self.examples) - 1, min(count, len(self.examples)))
        return [int(number) for number in numbers.round()]

    def photographs(self) -> dict[str, str]:
        """The sha256 of each photograph's pixels, and its name."""
        table = read_origins(self.images)
        return dict(zip(table["sha256"], table["source"], strict=True))

    def named_classes(self) -> tuple[str, ...]:
        """The classes that a set's entry names, none of them a background."""
        return () if self.examples.background else self.examples.classes


def check_splits(learned: Split, tests: Sequence[Split]) -> None:
    """Refuse a test on photographs that were learned from, or on classes that were not.

    Raises:
        InputError: names the photograph, or the classes.
    """
    known = learned.photographs()
    most = len(learned.examples.object_classes)
    named = learned.named_classes()
    for split in tests:
        if shared := known.keys() & split.photographs().keys():
            raise InputError(
                f"{split.name} holds a photograph of {learned.name}: {known[min(shared)]}; name another set"
            )
        count = len(split.examples.object_classes)
        if count > most:
            raise InputError(f"{split.name} has {count} classes, {learned.name} only {most}")
        others = split.named_classes()
        if named != others:
            raise InputError(
                f"{split.name} has the classes {', '.join(others) or 'of no names'}, {learned.name} "
                f"{', '.join(named) or 'of no names'}: masks_classes of both sets must be the same"
            )
