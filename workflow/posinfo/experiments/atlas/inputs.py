"""What the atlas is made from, as paths."""

from posinfo.protocol.readout import Readout
from posinfo.run.cells import READ_IN_MOST_TABLES
from posinfo.run.inputs import Inputs
from posinfo.run.tables import atlas
from posinfo.store.errors import InputError, unknown


class OfAtlas:
    """What the files of a run's atlas are made from.

    Args:
        made_from: what the run's other results are made from.
    """

    def __init__(self, made_from: Inputs) -> None:
        self.run, self.paths, self._made_from = made_from.run, made_from.paths, made_from

    def members(self) -> list[str]:
        """Its encoders.

        Raises:
            InputError: when the configuration names none.
        """
        if found := [member.encoder for member in self.run.atlas.members(self.run.registry)]:
            return found
        raise InputError(
            "atlas: the configuration names no encoders; name some, --config 'atlas={encoders: [vgg16]}', or use "
            "--configfile workflow/configs/atlas.yaml"
        )

    def member(self, encoder: str) -> str:
        """The encoder, if it is one of them.

        Raises:
            InputError: otherwise.
        """
        if encoder not in (members := self.members()):
            raise InputError(unknown("encoder of the atlas", encoder, members))
        return encoder

    def readouts(self, encoder: str) -> list[str]:
        """An encoder's readouts that it shows: each stage alone, and all."""
        names = [Readout(stages=stages).name for stages in [*self.run.stages(self.member(encoder)), "all"]]
        return self.paths.readouts(encoder, dict.fromkeys(names, READ_IN_MOST_TABLES))

    def features(self, encoder: str, suffix: str = "npy") -> list[str]:
        """The feature maps of natural pictures behind an encoder's maps."""
        stages = self.run.stages(self.member(encoder))
        return self.paths.features(encoder, self.run.images.natural, stages, suffix)

    def structures(self) -> dict[str, str]:
        """Each encoder to the first of the same network, padding and taps, whose cells see what its own see."""
        first: dict[str, str] = {}
        entries = self.run.registry.encoders
        keys = {
            name: (entries[name].architecture, entries[name].padding, entries[name].taps) for name in self.members()
        }
        return {name: first.setdefault(str(key), name) for name, key in keys.items()}

    def structure_files(self) -> list[str]:
        """The files that say what cells see, one for each of those."""
        return [self.paths.atlas(name, "structure.json") for name in dict.fromkeys(self.structures().values())]

    def maps(self, suffix: str = "npz") -> list[str]:
        """The maps that each encoder draws."""
        return [self.paths.atlas(name, suffix) for name in self.members()]

    def scores(self, suffix: str = "csv") -> list[str]:
        """The scores of every cell."""
        self.members()
        return [path.removesuffix("csv") + suffix for path in self._made_from.scores_of(atlas(self.run))]
