"""What is learnt from and what is tested on: compositions, or sets with masks, opened from their files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from posinfo.experiments.tasks.data.compositions import Compositions
from posinfo.experiments.tasks.data.labelled_sets import LabelledSet
from posinfo.images.masks import read_masks
from posinfo.images.pictures import read_names, read_pictures
from posinfo.images.views import photograph_of
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry.entries import Placed
from posinfo.run.tasks import COMPOSITIONS, Recipe
from posinfo.store.errors import InputError
from posinfo.store.files import sha256_of

SEED = 0  # of the series of examples: one for all encoders, so that they differ in nothing else


@dataclass(frozen=True)
class Split:
    """Examples to learn from or to be tested on.

    Attributes:
        name: what they are.
        files: pictures (.npy), and masks unless they are composed.
        examples: the series.
    """

    name: str
    files: tuple[Path, ...]
    examples: Compositions | LabelledSet

    @classmethod
    def opened(cls, files: Sequence[Path], learnt: Recipe | None = None, placed: Placed = "uniformly") -> "Split":
        """A set of images, of which compositions are made, or one with its masks.

        Args:
            files: the set's .npy; its .csv says which views show one photograph. Then, perhaps, the masks' .npy.
            learnt: the recipe by which they are learnt from (masked sets are shuffled, mirrored and endless,
                compositions begin plain); without one they are tested on.
            placed: where things stand in compositions.
        """
        pictures, names = read_pictures(files[0]), read_names(files[0].with_suffix(".csv"))
        if len(files) == 1:
            plain = round(learnt.plain * learnt.epochs * learnt.pictures) if learnt else 0
            made = Compositions(pictures, photograph_of(names), SEED, IMAGE_SIDE, plain, placed)
            return cls(f"{COMPOSITIONS} of {files[0].stem}", tuple(files), made)
        masks, classes = read_masks(files[1])
        labelled = LabelledSet(pictures, masks, names, SEED if learnt else None, classes)
        return cls(files[0].stem, tuple(files), labelled)

    def tests(self, recipe: Recipe) -> list[int]:
        """The numbers of the examples to be tested on: all, where they come to an end."""
        return list(range(recipe.tests if isinstance(self.examples, Compositions) else len(self.examples)))

    def spread(self, count: int) -> list[int]:
        """The numbers of that many examples, spread evenly where they come to an end."""
        if isinstance(self.examples, Compositions):
            return list(range(count))
        places = np.linspace(0, len(self.examples) - 1, min(count, len(self.examples)))
        return [int(place) for place in places.round()]

    def photographs(self) -> dict[str, str]:
        """The sha256 of each photograph, and its name."""
        table = pd.read_csv(self.files[0].with_suffix(".csv"), dtype=str, keep_default_na=False)
        return dict(zip(table["sha256"], table["source"], strict=True))

    def digests(self) -> list[str]:
        """What the examples are made of."""
        return [sha256_of(path) for path in self.files]


def refuse_what_proves_nothing(learnt: Split, tests: list[Split]) -> None:
    """Stop before a test on photographs that were learnt from, or on classes that were not.

    Raises:
        InputError: names the photograph, or the numbers of classes.
    """
    known = learnt.photographs()
    for part in tests:
        if shared := known.keys() & part.photographs().keys():
            raise InputError(f"{part.name} holds a photograph of {learnt.name}: {known[min(shared)]}; name another set")
        if len(part.examples.kinds) > len(learnt.examples.kinds):
            raise InputError(
                f"{part.name} has {len(part.examples.kinds)} classes, {learnt.name} only {len(learnt.examples.kinds)}"
            )
        one, other = (side.examples.classes if side.examples.scenes else () for side in (learnt, part))
        if one != other:
            raise InputError(
                f"{part.name} has the classes {', '.join(other) or 'of no names'}, {learnt.name} "
                f"{', '.join(one) or 'of no names'}: masks_classes of both sets must be the same"
            )
