"""Which (encoder, readout, pattern, images) cells each table of the paper shows, in one place."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from posinfo.patterns import PATTERNS
from posinfo.protocol import Readout

if TYPE_CHECKING:
    from posinfo.config import RunConfig

BASE = Readout()  # one 3x3 convolution without padding on all stages: the paper's default


@dataclass(frozen=True)
class Cell:
    """One number pair of a table: where it stands in the paper, and which run of ours it is.

    Attributes:
        model: the paper's row label, such as `VGG`.
        role: the paper's images, as one of the config's roles (`natural`, `black`, `white`, `noise`).
        images: the set of images that plays the role.
    """

    model: str
    encoder: str
    readout: Readout
    pattern: str
    role: str
    images: str


def table1(run: "RunConfig") -> list[Cell]:
    """Table 1: three models, five patterns, natural and synthetic images."""
    return [
        Cell(model, encoder, BASE, pattern, role, images)
        for pattern in PATTERNS
        for model, encoder in run.models
        for role, images in run.images.tests.items()
    ]


TABLES = {"table1": table1}
