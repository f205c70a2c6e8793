"""One number pair of a table: which run of ours it is, and where it stands in the paper.

Tables, figures and claims are lists of cells; the rules only collect what the cells name.
"""

from dataclasses import dataclass

from posinfo.protocol.readout import Readout

BASE = Readout()  # one 3x3 convolution without padding on all stages: the paper's default
READ_IN_MOST_TABLES = ("H", "G", "HS")


@dataclass(frozen=True)
class Cell:
    """One number pair of a table: where it stands in the paper, and which run of ours it is.

    Attributes:
        model: the paper's row label, such as `VGG`; for a control, our encoder's name.
        role: which of the config's roles the images play (`natural`, `black`, `white`, `noise`).
        images: the set of images that plays the role.
        steps: after how many steps of its training the encoder is read, where a table shows that.
    """

    model: str
    encoder: str
    readout: Readout
    pattern: str
    role: str
    images: str
    steps: int = 0

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
            "steps": self.steps,
        }
