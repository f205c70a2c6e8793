"""The config's section, the encoders that it names, and the cells and paths that the results are made from."""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from posinfo.protocol.readout import Readout
from posinfo.registry.catalogue import Registry, look_up
from posinfo.registry.entries import Encoder, RandomWeights
from posinfo.run.cells import MOST_PATTERNS, Cell
from posinfo.run.config import RunConfig
from posinfo.run.experiments import Section, each_once
from posinfo.run.paths import features_folder, scores_of
from posinfo.run.roles import registry_of
from posinfo.store.errors import InputError, unknown

STRUCTURE = ".structure.json"  # the end of the name of a file with the receptive fields of a network's stages


@dataclass(frozen=True)
class AtlasEncoder:
    """One encoder of the atlas.

    Attributes:
        encoder: its name in the registry.
        network: the network of the config that it belongs to.
        weights: `trained`, `random` or `none`.
    """

    encoder: str
    network: str
    weights: str


class Atlas(Section):
    """Networks that are read stage by stage, each beside itself with random weights."""

    encoders: Annotated[list[str], AfterValidator(each_once)] = Field(
        [], description="Encoders, one for each network; none: no atlas is made."
    )
    untrained: list[str] = Field(
        [],
        description="Networks of `encoders` that are read with random weights only, for example where trained weights "
        "cannot be fetched.",
    )
    draws: Annotated[int, Field(ge=0, le=10)] = Field(
        3, description="Number of random draws of each network's weights; their seeds are 0, 1, 2 ..."
    )

    @model_validator(mode="after")
    def _known(self, info: ValidationInfo) -> Self:
        for name in self.encoders:
            entry = look_up("encoder", name, registry_of(info).encoders)
            if entry.fit:
                raise ValueError(f"{name} has fitted maps; the atlas shows a network's own, name {entry.variant_of}")
        for name in self.untrained:
            if name not in self.encoders:
                raise ValueError(f"untrained: {unknown('encoder of the atlas', name, self.encoders)}")
        if self.untrained and not self.draws:
            raise ValueError(f"untrained: {self.untrained[0]} would have no weights at all; set draws to 1 or more")
        return self

    def all_encoders(self, registry: Registry) -> list[AtlasEncoder]:
        """Every encoder of the atlas: network by network, trained weights before random ones."""
        found = []
        for name in self.encoders:
            weights = registry.encoders[name].weights
            if weights is None:
                found.append(AtlasEncoder(name, name, "none"))
            elif isinstance(weights, RandomWeights):
                found.append(AtlasEncoder(name, name, "random"))
            else:
                if name not in self.untrained:
                    found.append(AtlasEncoder(name, name, "trained"))
                found += [AtlasEncoder(f"{name}-random-{draw}", name, "random") for draw in range(self.draws)]
        return found


def random_encoders(section: Section, registry: Registry) -> dict[str, dict[str, Any]]:
    """Entries of the random draws that a registry lacks: the network's entry with other weights."""
    assert isinstance(section, Atlas)
    entries = {}
    for one in section.all_encoders(registry):
        if one.encoder not in registry.encoders:
            entry = registry.encoders[one.network]
            seed = int(one.encoder.rpartition("-")[2])
            title = f"random weights (seed {seed}) in the architecture of {entry.title or one.network}"
            changed = {"title": title, "weights": RandomWeights(random=seed), "variant_of": None}
            entries[one.encoder] = entry.model_copy(update=changed).model_dump(mode="json", exclude_none=True)
    return entries


def members(run: RunConfig) -> list[AtlasEncoder]:
    """Every encoder of the run's atlas; empty when the config names none."""
    return run.section(Atlas).all_encoders(run.registry)


def cells(run: RunConfig) -> list[Cell]:
    """The atlas's cells: for every encoder a readout of each stage alone, and one of all stages."""
    return [
        Cell(one.network, one.encoder, Readout(stages=stages), pattern, "natural", run.images.natural)
        for one in members(run)
        for stages in [*run.stages(one.encoder), "all"]
        for pattern in MOST_PATTERNS
    ]


def encoders(run: RunConfig) -> list[str]:
    """The names of the atlas's encoders.

    Raises:
        InputError: when the config names none; so do all functions below but `targets`.
    """
    found = [one.encoder for one in members(run)]
    if not found:
        raise InputError(
            "atlas: the configuration names no encoders; name some, --config 'atlas={encoders: [vgg16]}', or use "
            "--configfile workflow/configs/atlas.yaml"
        )
    return found


def same_network(run: RunConfig) -> dict[str, str]:
    """Each encoder to the first one of the same architecture, padding and taps.

    Receptive fields depend on no weights, so they are measured once for all of those.
    """
    first: dict[str, str] = {}
    found = {}
    for name in encoders(run):
        entry = run.registry.encoders[name]
        key = str((entry.architecture, entry.padding, entry.taps))
        found[name] = first.setdefault(key, name)
    return found


def entry(run: RunConfig, encoder: str) -> Encoder:
    """The registry's entry of an encoder of the atlas.

    Raises:
        InputError: when the atlas has no such encoder.
    """
    known = encoders(run)
    if encoder not in known:
        raise InputError(unknown("encoder of the atlas", encoder, known))
    return run.registry.encoders[encoder]


def features(run: RunConfig, encoder: str) -> str:
    """The feature maps of the natural images, from which an encoder's maps are predicted.

    Raises:
        InputError: when the atlas has no such encoder.
    """
    entry(run, encoder)
    return features_folder(run, encoder, run.images.natural)


def structures(run: RunConfig) -> list[str]:
    """The files with the receptive fields, one for each network."""
    return [f"{run.results}/atlas/{name}{STRUCTURE}" for name in dict.fromkeys(same_network(run).values())]


def maps(run: RunConfig) -> list[str]:
    """The files of predicted maps, one for each encoder."""
    return [f"{run.results}/atlas/{name}.npz" for name in encoders(run)]


def scores(run: RunConfig) -> list[str]:
    """The scores of every cell."""
    encoders(run)
    return scores_of(run, cells(run))


def scores_and_structures(run: RunConfig) -> list[str]:
    """The files from which the table and the figure are made."""
    return [*scores(run), *structures(run)]


def targets(run: RunConfig) -> list[str]:
    """The page, which `snakemake` alone makes beside the table and the figure if the config names encoders."""
    return [f"{run.results}/atlas.html"] if members(run) else []
