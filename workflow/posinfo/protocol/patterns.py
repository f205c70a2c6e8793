"""The ground-truth maps: what a readout must draw, a function of position alone (paper section 3.2, figure 3).

Two definitions are offered. `paper` is the generator that the published numbers fit; `released` is what the PNG
files of the released code hold. i counts rows, j columns, from 0 to N - 1.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Definition = Literal["paper", "released"]
PATTERNS = ("H", "V", "G", "HS", "VS")


def ground_truth(pattern: str, side: int, definition: Definition) -> NDArray[np.float64]:
    """The map of one pattern, float64 [side, side].

    Under both definitions::

        H = j / (N - 1)        V = i / (N - 1)

    Under `paper`::

        G  = exp(-((i - N/2)^2 + (j - N/2)^2) / (2 s^2)),  s = 0.354 N      in (0, 1], far corner about 0.14
        HS = cos(2 pi 2.5 (i + 1/2) / N)                                    in [-1, 1], 2.5 periods from top to bottom

    Under `released` the maps are min-max normalised to [0, 1]: G with s = 0.495 N, minus its smallest value, over
    its range; HS as (1 + HS) / 2 up to that normalisation. VS is HS transposed.

    Raises:
        ValueError: for another pattern or definition.
    """
    if definition not in ("paper", "released"):
        raise ValueError(f"definition is 'paper' or 'released', not {definition!r}")
    index = np.arange(side, dtype=np.float64)
    if pattern in ("V", "H"):
        truth = np.broadcast_to(index / (side - 1), (side, side))
    elif pattern == "G":
        spread = (0.354 if definition == "paper" else 0.495) * side
        bell = np.exp(-((index - side / 2) ** 2) / (2 * spread**2))
        truth = np.outer(bell, bell)
    elif pattern in ("HS", "VS"):
        truth = np.broadcast_to(np.cos(2 * np.pi * 2.5 * (index + 0.5) / side), (side, side))
    else:
        raise ValueError(f"pattern is one of {', '.join(PATTERNS)}, not {pattern!r}")
    if definition == "released":
        truth = (truth - truth.min()) / np.ptp(truth)
    # The broadcast values run along the columns, as in H and VS; V and HS run along the rows.
    return np.ascontiguousarray(truth.T if pattern in ("V", "HS") else truth)
