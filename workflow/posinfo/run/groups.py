"""Groups of readouts: trained and scored by one job, in the same passes over an encoder's features.

A group holds what one table adds to an encoder, so that asking for one table trains nothing that only another needs.
The name of a group, or of a single readout, stands in the paths of readouts and scores.
"""

from collections.abc import Iterable
from functools import cache

from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout
from posinfo.run.cells import BASE, Cell
from posinfo.store.errors import InputError, unknown

CUTS = (0, 1, 2, 3, 5, 8)  # cells of the common map that are cut away on each side
GROUPS = ("base", "layers", "kernels", "stages", "padding", "unscaled", "border")
LEAST_SQUARES = "least_squares"

Trained = dict[Readout, tuple[str, ...]]  # readout to the patterns that are trained of it


def members(group: str, stages: list[str]) -> list[Readout]:
    """The readouts of a group, for an encoder with these stages."""
    return {
        "base": [BASE],
        "layers": [Readout(layers=2), Readout(layers=3)],
        "kernels": [Readout(kernel=1), Readout(kernel=7)],
        "stages": [Readout(stages=stage) for stage in stages],
        "padding": [Readout(padding=1), Readout(padding=2)],
        "unscaled": [Readout(stages=stage, raw=True) for stage in [*stages, "all"]],
        "border": [Readout(cut=cut) for cut in CUTS if cut],
    }[group]


@cache
def group_of(readout: Readout) -> str:
    """The group of a readout; its own name if it is in none."""
    if readout.least_squares:
        return LEAST_SQUARES
    found = (group for group in GROUPS if readout in members(group, [readout.stages]))
    return next(found, readout.name)


def trained(name: str, encoder: str, stages: list[str], cells: Iterable[Cell]) -> Trained:
    """What a job trains: the readouts of a group, or the one readout of that name.

    Of a group, all that the cells of a run show of this encoder, with the patterns that they show; where they show
    nothing of it, the whole group with every pattern.

    Raises:
        InputError: when the name is neither a group nor a readout that reads this encoder.
    """
    shown: dict[Readout, set[str]] = {}
    for cell in cells:
        if cell.encoder == encoder and group_of(cell.readout) == name:
            shown.setdefault(cell.readout, set()).add(cell.pattern)
    if shown:
        return {
            readout: tuple(pattern for pattern in PATTERNS if pattern in patterns)
            for readout, patterns in shown.items()
        }
    if name in GROUPS:
        chosen = members(name, stages)
    elif name == LEAST_SQUARES:
        chosen = [Readout(least_squares=True)]
    elif "-" in name:
        chosen = [Readout.parse(name)]
    else:
        raise InputError(f"{unknown('group of readouts', name, GROUPS)}; or a readout by its name, such as {BASE.name}")
    for readout in chosen:
        readout.stages_read(stages)  # raises where the encoder lacks the stage
    return dict.fromkeys(chosen, PATTERNS)
