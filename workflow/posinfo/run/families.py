"""Which readouts are trained and scored together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout
from posinfo.run.cells import BASE
from posinfo.run.tables import TABLES, atlas

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig


ATLAS = "atlas"


@dataclass(frozen=True)
class Family:
    """Readouts of one encoder that are trained and scored by one job, in the same passes over the features.

    A family holds the readouts that one table adds: asking for one table trains nothing that only another needs.
    """

    encoder: str
    name: str
    patterns: dict[Readout, tuple[str, ...]]

    @property
    def exact(self) -> bool:
        """Whether its readouts are solved instead of trained."""
        return all(readout.exact for readout in self.patterns)

    def stages(self, stages: list[str]) -> list[str]:
        """Which of the encoder's stages any of its readouts reads."""
        read = {name for readout in self.patterns for name in readout.stages_read(stages)}
        return [name for name in stages if name in read]


def families(run: "RunConfig") -> list[Family]:
    """Every readout that some table or the atlas shows, each in one family, with all patterns that any shows of it."""
    patterns: dict[tuple[str, Readout], set[str]] = {}
    names: dict[tuple[str, Readout], str] = {}
    for name, cells in {**{name: table.cells(run) for name, table in TABLES.items()}, ATLAS: atlas(run)}.items():
        for cell in cells:
            key = (cell.encoder, cell.readout)
            patterns.setdefault(key, set()).add(cell.pattern)
            # What the atlas alone shows of an encoder is one job, whose passes serve all its stages.
            names.setdefault(key, "base" if cell.readout == BASE and name != ATLAS else name)
    grouped: dict[tuple[str, str], dict[Readout, tuple[str, ...]]] = {}
    for (encoder, readout), shown in patterns.items():
        ordered = tuple(pattern for pattern in PATTERNS if pattern in shown)
        grouped.setdefault((encoder, names[encoder, readout]), {})[readout] = ordered
    return [Family(encoder, name, readouts) for (encoder, name), readouts in grouped.items()]


@dataclass(frozen=True)
class Job:
    """Readouts of one encoder that one job trains (or solves), and one scores.

    Attributes:
        rule: the end of its rules' names.
        encoder: by name, or Snakemake's wildcard for one that a path names.
        label: the family's name, or the wildcard for a readout that a path names.
        patterns: readout name to the patterns that are trained of it.
        exact: whether the readouts are solved.
        family: none for a readout that no table shows and only its path asks for.
    """

    rule: str
    encoder: str
    label: str
    patterns: dict[str, tuple[str, ...]]
    exact: bool = False
    family: Family | None = None

    @property
    def long(self) -> bool:
        """Whether it had better begin early: begun last, a long job leaves cores idle at the end."""
        return self.exact or (self.family is not None and any(readout.layers > 1 for readout in self.family.patterns))


def jobs(run: "RunConfig") -> list[Job]:
    """A job for each family; and, last, those for any other readout, asked for by its path."""
    made = [
        Job(
            f"{family.encoder}_{family.name}",
            family.encoder,
            family.name,
            {readout.name: patterns for readout, patterns in family.patterns.items()},
            family.exact,
            family,
        )
        for family in families(run)
    ]
    any_readout: dict[str, tuple[str, ...]] = {"{readout}": PATTERNS}
    by_path = Job("by_path", "{encoder}", "{readout}", any_readout)
    return [*made, by_path, Job("exact_by_path", "{encoder}", "{readout}", any_readout, exact=True)]
