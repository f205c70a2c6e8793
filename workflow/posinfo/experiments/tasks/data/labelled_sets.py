"""Sets of pictures with masks as examples to learn from, behind the same interface as compositions."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from posinfo.experiments.tasks.data.compositions import Labelled, Pixels
from posinfo.images.masks import UNKNOWN, Mask
from posinfo.store.errors import InputError


class LabelledSet:
    """Pictures and masks by number; beyond the last one the series goes on, each pass in another order.

    Args:
        pictures: uint8 [N, side, side, 3]; memory-mapped is fine.
        masks: 0 on the background, 1 + kind on a thing, 255 where nobody says; uint8 [N, side, side].
        names: of the pictures.
        seed: of the order of each pass; every other pass is mirrored. Without one, number i is picture i.
        classes: their names, where every value is a class of its own; else those above 0 are things.

    Raises:
        InputError: when there are not as many masks as pictures, or no mask shows anything.
    """

    def __init__(
        self, pictures: Pixels, masks: Mask, names: list[str], seed: int | None = None, classes: Sequence[str] = ()
    ) -> None:
        if not len(pictures) == len(masks) == len(names):
            raise InputError(f"{len(pictures)} pictures, {len(masks)} masks and {len(names)} names do not go together")
        self.pictures, self.masks, self.names, self.seed = pictures, masks, names, seed
        seen = np.zeros(256, bool)
        for mask in masks:
            seen[np.unique(mask)] = True
        seen[[0, UNKNOWN]] = False
        if not seen.any():
            raise InputError("no mask of the set shows a thing; saliency masks are white on it, class masks above 0")
        highest = int(np.flatnonzero(seen).max())
        self.scenes = bool(classes)
        self.classes = tuple(classes) or ("background", *(str(value) for value in range(1, highest + 1)))
        self.kinds = self.classes[1:]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Labelled:
        """Example number `index`; its kind is that of the largest thing."""
        place, mirrored = self._place(index)
        picture, mask = np.asarray(self.pictures[place]), self.answer(index)
        if mirrored:
            picture = picture[:, ::-1]
        counts = np.bincount(mask.ravel(), minlength=256)
        counts[[0, UNKNOWN]] = 0
        things = ((mask > 0) & (mask != UNKNOWN)).astype(np.uint8)
        return Labelled(picture, things, mask, max(int(counts.argmax()) - 1, 0))

    def answer(self, index: int) -> Mask:
        """The classes of example number `index`."""
        place, mirrored = self._place(index)
        mask = np.asarray(self.masks[place])
        return mask[:, ::-1] if mirrored else mask

    def name(self, index: int) -> str:
        """The name of the picture."""
        return self.names[self._place(index)[0]]

    def _place(self, index: int) -> tuple[int, bool]:
        if self.seed is None:
            return index, False
        turn, within = divmod(index, len(self.names))
        return int(_order(self.seed, turn, len(self.names))[within]), turn % 2 == 1


@lru_cache(maxsize=4)
def _order(seed: int, turn: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, turn]).permutation(count)
