"""How the time of training grows with pictures, patterns, seeds and readouts, on the features of Table 1."""

from collections.abc import Collection
from functools import partial

from limits import RUN, cached, epochs, first, heads
from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.heads import HeadStack
from posinfo.readouts.training import make_stack
from posinfo.run import tables
from timing import Line, ratio

FEW = Training(epochs=2)


def stack_of(readout: Readout, seeds: int, patterns: Collection[str] = tuple(PATTERNS)) -> HeadStack:
    """Untrained, on the features of Table 1, with a head for each pattern and seed."""
    stages = cached()
    chosen = [head for head in heads(readout, seeds) if head.pattern in patterns]
    stack = make_stack(readout, chosen, stages, RUN.alignment, FEW)
    assert isinstance(stack, HeadStack)
    return stack


def doubling() -> list[Line]:
    """Twice the pictures, twice the heads of five patterns, three seeds instead of one."""
    stages = cached()
    half = first(stages, len(stages[0].array) // 2)
    base, one_seed, ten = stack_of(Readout(), 3), stack_of(Readout(), 1), stack_of(Readout(), 2)
    more = ratio(lambda: epochs([base], stages, FEW), lambda: epochs([base], half, FEW))
    lines = [("twice the pictures", "≤ 2.0", more)]
    for what, stack in (("10 maps to draw instead of 5", ten), ("3 seeds instead of 1", base)):
        found = ratio(partial(epochs, [stack], stages, FEW), partial(epochs, [one_seed], stages, FEW))
        lines.append((what, "≤ 1.3", found))
    return [
        Line(f"training time with {what}", quotient, goal, f"{mine:.2f} s against {other:.2f} s")
        for what, goal, (quotient, mine, other) in lines
    ]


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
        Line("all one-layer readouts of VGG16: over the base readout alone", quotient, "≤ 2.5", note),
        Line("the same over their share of multiply-adds", quotient / products, "", f"{products:.2f} times the base's"),
    ]


def _products(stack: HeadStack) -> int:
    """Multiply-adds of one picture, forward."""
    return stack.mixer.multiply_adds(len(stack.heads))
