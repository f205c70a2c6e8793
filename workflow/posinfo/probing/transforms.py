"""The preprocessing that a network in memory expects, by a transform of a zoo or as a `Preprocessing`."""

from dataclasses import asdict
from typing import Any

import torch
from PIL import Image
from pydantic import ValidationError

from posinfo.features.extraction import Preprocessing
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry import mistakes
from posinfo.registry.entries import PreprocessingEntry
from posinfo.store.errors import InputError

COLOUR = (200, 100, 50)  # RGB of the image that a transform is tried on
ROUNDING = 0.05  # of what a transform gives; one of 255 values makes 0.02


def preprocessing_of(transform: Preprocessing | Any) -> Preprocessing:
    """The preprocessing that a transform of torchvision or timm does: RGB in [0, 1], with its mean and sd.

    Raises:
        InputError: when the transform has no normalisation, or does something else to the values of an image.
    """
    if isinstance(transform, Preprocessing):
        return _checked(asdict(transform))
    for step in (transform, *getattr(transform, "transforms", ())):
        given: dict[str, Any] = {name: getattr(step, name, None) for name in ("mean", "std")}
        if all(values is not None and len(values) == 3 for values in given.values()):
            floats: dict[str, Any] = {name: tuple(map(float, values)) for name, values in given.items()}
            preprocessing = Preprocessing("RGB", 1, **floats)
            _refuse_other_values(transform, preprocessing)
            return _checked(asdict(preprocessing))
    raise InputError(
        f"transform: {type(transform).__name__} has no normalisation of three channels; give a transform of "
        "torchvision or timm, or posinfo.features.extraction.Preprocessing('RGB', 1) for values in [0, 1]"
    )


def _checked(values: dict[str, Any]) -> Preprocessing:
    try:
        return Preprocessing.of(PreprocessingEntry.model_validate(values))
    except ValidationError as error:
        raise InputError(f"transform: {'; '.join(mistakes.lines(error))}") from None


def _refuse_other_values(transform: Any, preprocessing: Preprocessing) -> None:
    """Refuse a transform that gives an image of one colour other values, as in BGR, or up to 255."""
    pixels = torch.tensor(COLOUR, dtype=torch.uint8).expand(1, IMAGE_SIDE, IMAGE_SIDE, 3)
    expected = preprocessing.prepare(pixels)[0, :, 0, 0]
    maps = pixels[0].permute(2, 0, 1)
    for given in (Image.new("RGB", (IMAGE_SIDE, IMAGE_SIDE), COLOUR), maps, maps / 255):
        try:
            values = transform(given).squeeze(0)  # of a batch of one image
            middle = values[:, values.shape[1] // 2, values.shape[2] // 2].float().reshape(3)
        except Exception:  # it takes images of another kind
            continue
        if not torch.allclose(middle, expected, atol=ROUNDING):
            found, ours = ([round(value, 2) for value in values.tolist()] for values in (middle, expected))
            raise InputError(
                f"transform: of RGB {COLOUR} it makes {found}, its mean and sd alone make {ours}; give the transform "
                "of evaluation, or posinfo.features.extraction.Preprocessing(order, range, mean, std)"
            )
        return
    raise InputError(
        f"transform: {type(transform).__name__} makes no tensor [3, height, width] of an image; "
        "give one of a zoo, or a Preprocessing"
    )
