"""How the time of training grows with pictures, patterns, seeds and readouts, on the features of Table 1."""

from collections.abc import Collection
from functools import partial

import numpy as np
from limits import RUN, cached, epochs, first, heads, least
from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import StackedReadouts
from posinfo.readouts.training import make_stack
from posinfo.run import tables
from timing import Line, ratio, side_by_side

FEW = Training(epochs=2)


def stack_of(readout: Readout, seeds: int, patterns: Collection[str] = tuple(PATTERNS)) -> StackedReadouts:
    """Untrained, on the features of Table 1, with a head for each pattern and seed."""
    stages = cached()
    chosen = [head for head in heads(readout, seeds) if head.pattern in patterns]
    stack = make_stack(readout, chosen, stages, RUN.alignment, FEW)
    assert isinstance(stack, StackedReadouts)
    return stack


def doubling() -> list[Line]:
    """Twice the pictures; and more heads, of ten maps instead of five and of three seeds instead of one.

    More heads are more products on features that are read as often, so what they may cost is what reading and the bare
    products come to.
    """
    stages = cached()
    half = first(stages, len(stages[0].array) // 2)
    base, one_seed, ten = stack_of(Readout(), 3), stack_of(Readout(), 1), stack_of(Readout(), 2)
    quotient, mine, other = ratio(lambda: epochs([base], stages, FEW), lambda: epochs([base], half, FEW))
    lines = [Line("training time with twice the pictures", quotient, "≤ 2.0", f"{mine:.2f} s against {other:.2f} s")]
    for what, stack in (("10 maps to draw instead of 5", ten), ("3 seeds instead of 1", base)):
        works = [partial(epochs, [one], stages, FEW) for one in (stack, one_seed)]
        works += [partial(least, stages, one, FEW) for one in (stack, one_seed)]
        more, few, least_of_more, least_of_few = np.array(side_by_side(*works))
        grown, bound = np.median(more / few), np.median(least_of_more / least_of_few)
        counts = [_products(one) / 1e6 for one in (stack, one_seed)]
        note = f"{grown:.2f} times ({np.median(more):.2f} s) where reading and bare products take {bound:.2f} times; "
        note += f"{counts[0]:.0f} against {counts[1]:.0f} million multiply-adds a picture, forward"
        what = f"training time with {what}: over its growth in reading and bare products"
        lines.append(Line(what, float(np.median((more / few) / (least_of_more / least_of_few))), "≤ 1.1", note))
    return lines


def one_layer_readouts() -> dict[Readout, set[str]]:
    """Those of VGG16 in the paper's tables, with their patterns."""
    wanted: dict[Readout, set[str]] = {}
    for name in ("table1", "table2a", "table2b", "table3", "table4"):
        for cell in tables.TABLES[name].cells(RUN):
            if cell.encoder == RUN.models.VGG and cell.readout.layers == 1:
                wanted.setdefault(cell.readout, set()).add(cell.pattern)
    return wanted


def stacking() -> list[Line]:
    """Every one-layer readout of VGG16 in the paper's tables, in one pass, against the base readout alone."""
    stages = cached()
    stacks = [stack_of(readout, 3, patterns) for readout, patterns in one_layer_readouts().items()]
    base = stack_of(Readout(), 3)
    quotient, mine, alone = ratio(lambda: epochs(stacks, stages, FEW), lambda: epochs([base], stages, FEW))
    note = f"{len(stacks)} readouts, {mine:.2f} s against {alone:.2f} s for {FEW.epochs} epochs"
    products = sum(_products(stack) for stack in stacks) / _products(base)
    return [
        Line("all one-layer readouts of VGG16: over the base readout alone", quotient, "≤ 2.6", note),
        Line("the same over their share of multiply-adds", quotient / products, "", f"{products:.2f} times the base's"),
    ]


def _products(stack: StackedReadouts) -> int:
    """Multiply-adds of one picture, forward."""
    return stack.mixer.multiply_adds(len(stack.heads))
