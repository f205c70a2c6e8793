"""One pair of numbers in a table (SPC, MAE): which readout's scores it sums up, and where it stands in the paper.

Tables, figures and claims are lists of cells; rules only collect what the cells name.
"""

from dataclasses import dataclass

from posinfo.protocol.readout import Readout

BASE = Readout()  # one 3x3 convolution without padding on all stages: the paper's default
MOST_PATTERNS = ("H", "G", "HS")  # what the paper shows in most tables
AS_RELEASED = " as released"  # ends the label of a row whose images have no mean subtracted, as in the released code


def printed_model(model: str) -> str:
    """The paper's label for the model of a row: the paper does not say how its images were fed."""
    return model.removesuffix(AS_RELEASED)


@dataclass(frozen=True)
class Cell:
    """One pair of numbers in a table (SPC, MAE): where it stands in the paper, and which readout's scores it sums up.

    Attributes:
        model: the paper's row label, such as `VGG`; for a control, our encoder's name.
        role: which test images: `natural`, `black`, `white` or `noise`.
        images: the set of images that holds them.
        more: further labels, name and value, such as how long an encoder was trained.
    """

    model: str
    encoder: str
    readout: Readout
    pattern: str
    role: str
    images: str
    more: tuple[tuple[str, str | int], ...] = ()

    def labels(self) -> dict[str, str | int]:
        """What a published table may use to name the cell."""
        return {
            "model": self.model,
            "pattern": self.pattern,
            "images": self.role,
            "layers": self.readout.layers,
            "kernel": self.readout.kernel,
            "stages": self.readout.stages,
            "cut": self.readout.cut,
            **dict(self.more),
        }

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Names its scores: encoder, readout, pattern and role."""
        return self.encoder, self.readout.name, self.pattern, self.role
