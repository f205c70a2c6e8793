"""What every result of a run is made from, as paths of files and as the entries that decide it.

Rules ask here with the values of their wildcards; an unknown name is answered by an InputError with the nearest one.
"""

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from posinfo.registry.catalogue import canonical_json, look_up, shipped
from posinfo.registry.entries import Folder, LocalFile, Source, WeightFile
from posinfo.run import shown
from posinfo.run.cells import Cell
from posinfo.run.config import RunConfig
from posinfo.run.groups import group_of, trained
from posinfo.run.paths import features_folder, images_file, readouts_folder
from posinfo.sources.folders import files_digest, folder_digest, stage_files
from posinfo.store.errors import InputError, unknown


class Inputs:
    """What the results of one run are made from."""

    def __init__(self, run: RunConfig) -> None:
        self.run = run
        self.registry = run.registry.at_hand(Path(run.resources))
        self._places = {source.place: source for source in self.registry.sources.values()}

    @cached_property
    def cells(self) -> list[Cell]:
        """Every cell of every table, and of every map that a figure shows."""
        return [*shown.all_cells(self.run), *shown.all_maps(self.run)]

    def source(self, kind: str, file: str) -> Source:
        """The source that lies at a place below `resources`."""
        return look_up("source", f"{kind}/{file}", self._places)

    def _files(self, sources: Iterable[Source]) -> list[str]:
        """The fetched files of some sources; a local file's state is a parameter, and its name may have braces.

        Raises:
            InputError: when a local file is missing.
        """
        files = []
        for source in sources:
            if isinstance(source, LocalFile):
                source.check_presence()
            else:
                files.append(str(source.at(Path(self.run.resources))))
        return files

    def archives(self, images: str) -> list[str]:
        """The files that a set of images is read from."""
        return self._files(self.registry.image_dependencies(images).sources.values())

    def mask_archives(self, images: str) -> list[str]:
        """The files that a set's ground-truth masks are read from."""
        return self._files(self.registry.mask_dependencies(images).sources.values())

    def image_entries(self, images: str) -> list[str]:
        """What decides a set of images: its entries as JSON, and the state of the folder or the local file if any."""
        part = self.registry.image_dependencies(images)
        entry = part.images[images]
        state = [folder_digest(Path(entry.folder))] if isinstance(entry, Folder) else []
        return [canonical_json(part), *state, *_local_state(part.sources.values())]

    def mask_entries(self, images: str) -> list[str]:
        """What decides a set's ground-truth masks, as `image_entries`."""
        part = self.registry.mask_dependencies(images)
        entry = part.images[images]
        state = [folder_digest(Path(entry.masks))] if isinstance(entry, Folder) and entry.masks else []
        return [canonical_json(part), *state, *_local_state(part.sources.values())]

    def trained_on(self, images: str) -> list[str]:
        """The csv of the training images, for the natural test images: no photograph may be in both sets."""
        return [images_file(self.run, self.run.images.train, "csv")] if images == self.run.images.natural else []

    def encoder(self, name: str) -> str:
        """An encoder's entry as JSON."""
        return canonical_json(look_up("encoder", name, self.registry.encoders))

    def made_elsewhere(self, encoder: str, images: str) -> list[str]:
        """The state of the files that an encoder of `features` has for a set of images; empty for any other encoder."""
        entry = look_up("encoder", encoder, self.registry.encoders)
        return [files_digest(stage_files(entry, images).values())] if entry.features else []

    def weight_entries(self, encoder: str) -> list[str]:
        """What decides the weights of an encoder that is not trained here: JSON, and the state of a local file."""
        stored = self.registry.weight_dependencies(encoder)
        return [canonical_json(stored), *_local_state(filter(None, [stored.source]))]

    def weight_archive(self, encoder: str) -> list[str]:
        """The file that an encoder's weights are read from, if they are."""
        return self._files(filter(None, [self.registry.weight_dependencies(encoder).source]))

    def weights(self, encoder: str) -> list[str]:
        """An encoder's weight file, or the file of the encoder that it varies; none for one without weights.

        What the config decides lies in the results: several folders may share `resources`, and only the shipped
        registry is the same for all of them.
        """
        entry = look_up("encoder", encoder, self.registry.encoders)
        stem = entry.variant_of or encoder
        if entry.step is not None:
            return [f"{self.run.results}/encoders/{stem}.steps"]
        if entry.task:
            return [f"{self.run.results}/encoders/{stem}.safetensors"]
        if not entry.weights:
            return []
        own = self.run.own
        is_own = stem not in shipped().encoders or stem in own.encoders
        if is_own or (isinstance(entry.weights, WeightFile) and entry.weights.source in own.sources):
            return [f"{self.run.results}/weights/{stem}.safetensors"]
        return [f"{self.run.resources}/encoders/{stem}.safetensors"]

    def downloads(self) -> list[str]:
        """Every fetched file of the run: behind its sets of images, and behind the encoders that it shows."""
        sets = [name for _, name in self.run.images]
        found = [path for images in sets for path in self.archives(images)]
        for images in self.sets_with_masks():
            found += self.mask_archives(images)
        for encoder in self.fetched_encoders():
            found += self.weight_archive(encoder)
        return list(dict.fromkeys(found))

    def fetched_encoders(self) -> list[str]:
        """The encoders whose stored weights the run reads: those it shows, and those its trainings start from."""
        names = [cell.encoder for cell in self.cells]
        for experiment in self.run.switched_on.values():
            names += experiment.encoders(self.run).values()
        found = []
        for encoder in dict.fromkeys(names):
            name = encoder
            entry = look_up("encoder", name, self.registry.encoders)
            while entry.start is not None:
                name = entry.start
                entry = look_up("encoder", name, self.registry.encoders)
            if entry.weights and not entry.task:
                found.append(entry.variant_of or name)
        return list(dict.fromkeys(found))

    def features(self, encoder: str, images: str) -> str:
        """The folder of an encoder's feature maps of a set of images."""
        look_up("set of images", images, self.registry.images)
        return features_folder(self.run, encoder, images)

    def trained(self, encoder: str, readouts: str) -> dict[str, Any]:
        """What a job trains: readout name to its patterns.

        Raises:
            InputError: as `groups.trained`, and when a readout's kernels or cut leave nothing of the maps.
        """
        side = self.run.alignment.side
        chosen = trained(readouts, encoder, self.run.stages(encoder), self.cells)
        for readout in chosen:
            if side + readout.layers * (2 * readout.margin - readout.kernel + 1) < 1:
                raise InputError(f"readout {readout.name} leaves nothing of maps of {side} x {side}; name another")
        return {readout.name: list(patterns) for readout, patterns in chosen.items()}

    def fit(self, encoder: str) -> list[str]:
        """The option by which a command cuts or resizes an encoder's maps when it reads them; empty if it does not."""
        entry = look_up("encoder", encoder, self.registry.encoders)
        return ["--fit", canonical_json(entry.fit)] if entry.fit else []

    def _maps(self, encoder: str) -> list[Cell]:
        """The cells of an encoder whose predicted maps some figure shows."""
        known = [cell for cell in shown.all_maps(self.run) if cell.encoder == encoder]
        if not known:
            encoders = {cell.encoder for cell in shown.all_maps(self.run)}
            raise InputError(f"no figure shows maps of this encoder: {unknown('encoder', encoder, encoders)}")
        return known

    def drawn_maps(self, encoder: str) -> str:
        """Readout, set of images and pattern of those maps, as JSON."""
        found = [(cell.readout.name, cell.images, cell.pattern) for cell in self._maps(encoder)]
        return json.dumps(list(dict.fromkeys(found)))

    def drawn_readouts(self, encoder: str) -> list[str]:
        """The readouts behind those maps, a folder each."""
        groups = dict.fromkeys(group_of(cell.readout) for cell in self._maps(encoder))
        return [readouts_folder(self.run, encoder, group) for group in groups]

    def _drawn_images(self, encoder: str) -> list[str]:
        return list(dict.fromkeys(cell.images for cell in self._maps(encoder)))

    def drawn_files(self, encoder: str, suffix: str) -> list[str]:
        """A file of each set of images of those maps."""
        return [images_file(self.run, images, suffix) for images in self._drawn_images(encoder)]

    def drawn_features(self, encoder: str) -> list[str]:
        """The features of those sets, a folder each, in the same order."""
        return [self.features(encoder, images) for images in self._drawn_images(encoder)]

    def sets_with_masks(self) -> list[str]:
        """The sets of images that experiments read beside the run's own."""
        experiments = self.run.switched_on.values()
        return list(dict.fromkeys(images for found in experiments for images in found.image_sets(self.run)))

    def readouts_of_encoders(self) -> list[str]:
        """A folder of readouts of each encoder that the run shows."""
        first: dict[str, str] = {}
        for cell in self.cells:
            first.setdefault(cell.encoder, readouts_folder(self.run, cell.encoder, group_of(cell.readout)))
        return list(first.values())

    def photographs(self) -> list[str]:
        """All sets of photographs of the run, those that are learned from first."""
        sets = dict.fromkeys([self.run.images.train, self.run.images.natural, *self.sets_with_masks()])
        return [images_file(self.run, images) for images in sets]

    def masks(self) -> list[str]:
        """The sidecars of all masks of the run."""
        return [f"{self.run.results}/masks/{images}.json" for images in self.sets_with_masks()]

    def claimed(self) -> list[str]:
        """Everything that claims are judged by: the scores of all tables, and what experiments measured."""
        known = shown.tables(self.run).values()
        found = [path for table in known if table.cells for path in table.inputs(self.run)]
        for measurement in shown.measurements(self.run).values():
            found += measurement.inputs(self.run)
        return list(dict.fromkeys(found))


def _local_state(sources: Iterable[Source]) -> list[str]:
    """The state of the local files among some sources; none if there are none."""
    paths = [Path(source.path) for source in sources if isinstance(source, LocalFile)]
    return [files_digest(paths)] if paths else []
