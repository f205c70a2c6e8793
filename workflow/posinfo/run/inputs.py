"""What every result of a run is made from, as paths of files and as the entries that decide it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from posinfo.protocol.origins import EXPERIMENTS, REDGREEN
from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout
from posinfo.registry.catalogue import Registry, canonical_json, look_up
from posinfo.registry.entries import Folder, LocalFile, Source, StoredWeights
from posinfo.run.cells import BASE, Cell
from posinfo.run.families import families
from posinfo.run.figures import FIGURES, maps_wanted
from posinfo.run.paths import Paths
from posinfo.run.tables import ALIASES, TABLES
from posinfo.run.tasks import COMPOSITIONS, TASK_ALIASES, TASK_TABLES
from posinfo.sources.folders import state_of
from posinfo.store.errors import InputError, unknown

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig

ALL_TABLES = (*TABLES, *TASK_TABLES)
ALL_ALIASES = {**ALIASES, **TASK_ALIASES}


class Inputs:
    """What the results of one run are made from; whatever takes a name raises InputError for an unknown one."""

    def __init__(self, run: "RunConfig") -> None:
        self.run, self.registry, self.paths = run, run.registry, Paths(run)
        self.maps = maps_wanted(run)
        self._places = {source.place: source for source in self.registry.sources.values()}
        self.encoders_shown = list(dict.fromkeys(family.encoder for family in families(run)))

    def source(self, kind: str, file: str) -> Source:
        """The source that lies at a place below `resources`."""
        return look_up("source", f"{kind}/{file}", self._places)

    def origin_of_source(self, kind: str, file: str) -> list[str]:
        """The file of this machine that a source copies, if it does."""
        source = self.source(kind, file)
        return [source.path] if isinstance(source, LocalFile) else []

    def _fetched(self, part: Registry) -> list[str]:
        return [self.paths.source(source) for source in part.sources.values()]

    def archives_of_images(self, images: str) -> list[str]:
        """The fetched files that a set of images is read from."""
        return self._fetched(self.registry.image_dependencies(images))

    def archives_of_masks(self, images: str) -> list[str]:
        """The fetched files that a set's masks are read from."""
        return self._fetched(self.registry.mask_dependencies(images))

    def entries_of_images(self, images: str) -> list[str]:
        """What decides a set of images: its entries, and the state of the folder if it is one."""
        part = self.registry.image_dependencies(images)
        entry = part.images[images]
        return [canonical_json(part), *([state_of(Path(entry.folder))] if isinstance(entry, Folder) else [])]

    def entries_of_masks(self, images: str) -> list[str]:
        """What decides a set's masks: its entries, and the state of their folder if they lie in one."""
        part = self.registry.mask_dependencies(images)
        entry = part.images[images]
        folder = [state_of(Path(entry.masks))] if isinstance(entry, Folder) and entry.masks else []
        return [canonical_json(part), *folder]

    def trained_on(self, images: str, suffix: str) -> list[str]:
        """The training pictures' list, for the set of natural pictures: none of them may stand on both sides."""
        return [self.paths.images(self.run.images.train, suffix)] if images == self.run.images.natural else []

    def stored_weights(self, encoder: str) -> StoredWeights:
        """What decides the weights of an encoder that is not trained here."""
        return self.registry.weight_dependencies(encoder)

    def archive_of_weights(self, encoder: str) -> list[str]:
        """The fetched file that an encoder's weights are read from, if they are."""
        source = self.stored_weights(encoder).source
        return [self.paths.source(source)] if source else []

    def from_outside(self) -> list[str]:
        """Every fetched file of the run: behind its sets of images, and behind the encoders that some table shows."""
        found = [path for _, images in self.run.images for path in self.archives_of_images(images)]
        found += [path for images in self.run.sets_with_masks for path in self.archives_of_masks(images)]
        for encoder in self.encoders_fetched():
            found += self.archive_of_weights(encoder)
        return list(dict.fromkeys(found))

    def encoders_fetched(self) -> list[str]:
        """The encoders whose stored weights the run reads: those it shows, and those its trainings start from."""
        found = []
        for encoder in dict.fromkeys([*self.encoders_shown, *self.run.tasks.encoders.values()]):
            name, entry = encoder, self.registry.encoders[encoder]
            while entry.start is not None:
                name, entry = entry.start, look_up("encoder", entry.start, self.registry.encoders)
            found += [name] if entry.weights and not entry.task else []
        return list(dict.fromkeys(found))

    def start_of(self, encoder: str) -> list[str]:
        """The weights that an encoder's training starts from, if it does."""
        start = look_up("encoder", encoder, self.registry.encoders).start
        return self.paths.weights(start) if start else []

    def passes(self) -> list[list[str]]:
        """The encoders of the registry, together where one forward pass serves several: they differ in `fit` alone.

        An encoder that no table shows passes by itself, so that nothing is stored that nobody asks for.
        """
        groups: dict[str, list[str]] = {}
        for name, entry in self.registry.encoders.items():
            network = entry.model_copy(update={"fit": None, "variant_of": entry.variant_of or name})
            groups.setdefault(canonical_json(network) if name in self.encoders_shown else name, []).append(name)
        return list(groups.values())

    def examples(self, encoder: str) -> list[list[str]]:
        """What an encoder is trained on, then each thing it is tested on: pictures, and their masks unless composed."""
        task = look_up("encoder", encoder, self.registry.encoders).task
        if task is None:
            return []
        sets, images = self.run.tasks.sets(task), self.run.images
        named = [(sets.train, images.train), *((test, images.natural) for test in sets.tests)]
        return [
            [self.paths.images(composed_of)]
            if name == COMPOSITIONS
            else [self.paths.images(name), self.paths.masks(name)]
            for name, composed_of in named
        ]

    def names_of_examples(self, encoder: str) -> list[str]:
        """The names of those pictures."""
        return [part[0].removesuffix("npy") + "csv" for part in self.examples(encoder)]

    def features_read(self, encoder: str, readout: str, images: str, suffix: str = "npy") -> list[str]:
        """The feature maps that a readout reads, from its name and the encoder's."""
        stages = look_up("encoder", encoder, self.registry.encoders).stages
        return self.paths.features(encoder, images, Readout.parse(readout).stages_read(stages), suffix)

    def scores_of(self, shown: Iterable[Cell]) -> list[str]:
        """The scores of some cells."""
        found = [self.paths.scores(cell.encoder, [cell.readout.name], [cell.images])[0] for cell in shown]
        return list(dict.fromkeys(found))

    def scores_of_table(self, table: str) -> list[str]:
        """The scores of a table's cells."""
        if table not in TABLES:
            raise InputError(unknown("table", table, [*ALL_TABLES, *ALL_ALIASES]))
        return self.scores_of(TABLES[table].cells(self.run))

    def all_scores(self) -> list[str]:
        """The scores of every cell of every table."""
        return self.scores_of(cell for table in TABLES.values() for cell in table.cells(self.run))

    def metrics_of_table(self, table: str) -> list[str]:
        """The metrics of the encoders that a table of tasks shows, in its order."""
        roles = TASK_TABLES[table].models.values()
        return [self.paths.trained(self.run.tasks.encoders[role], "metrics.csv") for role in roles]

    def pictures_of_tasks(self, suffix: str) -> list[str]:
        """How the encoders of Table 5 did on each held-out picture."""
        roles = [role for table in TASK_TABLES.values() if table.published for role in table.models.values()]
        return [self.paths.trained(self.run.tasks.encoders[role], f"pictures.{suffix}") for role in roles]

    def measured(self, experiment: str) -> list[str]:
        """The rows of an experiment on where position comes from, a file each."""
        models = self.run.models
        conditions = {
            "pooled": [models.VGG_without_padding, models.VGG, models.ResNet],
            "redgreen": list(REDGREEN),
            "uneven": [models.ResNet],
        }
        return [self.paths.measured(experiment, condition) for condition in conditions[experiment]]

    def all_measured(self) -> list[str]:
        """The rows of every experiment."""
        return [path for experiment in EXPERIMENTS for path in self.measured(experiment)]

    def map_files(self, encoder: str) -> list[str]:
        """The files of an encoder's predicted maps that some figure shows."""
        wanted = self.maps[encoder].items()
        return [self.paths.predictions(encoder, readout, images) for readout, sets in wanted for images in sets]

    def readouts_drawn(self, encoder: str) -> list[str]:
        """The readouts behind those maps."""
        shown = {
            readout: list(dict.fromkeys(pattern for patterns in sets.values() for pattern in patterns))
            for readout, sets in self.maps[encoder].items()
        }
        return self.paths.readouts(encoder, shown)

    def sets_drawn(self, encoder: str) -> list[str]:
        """The sets of images on which those maps are drawn."""
        return list(dict.fromkeys(images for sets in self.maps[encoder].values() for images in sets))

    def on_curve(self, images: Iterable[str], suffix: str = "npy") -> list[str]:
        """The feature maps of the encoders of the learning curve."""
        sets = list(images)
        return [
            path
            for encoder in (self.run.models.VGG, self.run.models.ResNet)
            for name in sets
            for path in self.paths.features(encoder, name, self.run.stages(encoder), suffix)
        ]

    def scores_of_curve(self) -> list[str]:
        """The scores at the learning curve's end, where all pictures are learnt from."""
        encoders = (self.run.models.VGG, self.run.models.ResNet)
        return [self.paths.scores(encoder, [BASE.name], [self.run.images.natural])[0] for encoder in encoders]

    def of_figure(self, figure: str) -> list[str]:
        """What a figure is drawn from."""
        run, paths, display = self.run, self.paths, look_up("figure", figure, FIGURES)
        maps = display.maps(run) if display.maps else []
        found = self.scores_of(cell for table in display.tables for cell in TABLES[table].cells(run))
        found += self.scores_of(maps)
        found += [paths.predictions(cell.encoder, cell.readout.name, cell.images) for cell in maps]
        for role in display.pictures:
            found += [paths.images(getattr(run.images, role), suffix) for suffix in ("npy", "csv")]
        if display.crops:
            found.append(paths.crops(run.tasks.saliency))
        if display.segmentations:
            padded, unpadded = run.tasks.segmentation, run.tasks.segmentation_without_padding
            found += [paths.segmentations(padded), paths.segmentations(unpadded)]
        if display.architecture:
            found += paths.features(run.models.VGG, run.images.natural, run.stages(run.models.VGG), "json")
        if display.losses:
            for encoder in run.models.of_table1.values():
                found += paths.readouts(encoder, {BASE.name: PATTERNS})
        if display.curve:
            found.append(paths.whole("learning_curve.csv"))
        if display.costs:
            found += self.all_scores()  # so that the run is over when its time is counted
        return list(dict.fromkeys(found))
