"""What an encoder's entry says of its input, its position embedding, and the maps that readouts read."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from posinfo.registry.files import Entry

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Fit(Entry):
    """Feature maps cut at the centre, or resized, to given sides in pixels."""

    how: Literal["crop", "resize"]
    sides: dict[str, Annotated[int, Field(ge=1)]]

    @classmethod
    def parse(cls, option: str) -> Self | None:
        """The fit that a command's option holds as JSON; None where it is empty."""
        return cls.model_validate_json(option) if option else None


class ShuffledPosition(Entry):
    """A position embedding whose positions are permuted, from a seed."""

    shuffled: Annotated[int, Field(ge=0)]


class PreprocessingEntry(Entry):
    """The preprocessing of an encoder's images; `features.extraction.Preprocessing` does it.

    `range` is the value of white. From each channel, `mean` (0 to `range`) is subtracted; the rest is divided by `std`.
    """

    order: Literal["RGB", "BGR"]
    range: Literal[1, 255]
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)

    @model_validator(mode="after")
    def _in_one_scale(self) -> Self:
        if not all(0 <= value <= self.range for value in self.mean):
            raise ValueError(f"mean {list(self.mean)} is not within 0 and range, {self.range}; write both in one scale")
        if self.range == 255 and 0 < max(self.mean) <= 1:
            raise ValueError(f"mean {list(self.mean)} is of images from 0 to 1, range is 255; write both in one scale")
        largest = max(self.std)
        if (self.range == 1 and largest > 1) or (self.range == 255 and largest < 1):
            raise ValueError(f"std {list(self.std)} is not of images from 0 to {self.range}; write both in one scale")
        return self
