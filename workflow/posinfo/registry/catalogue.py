"""The registry: what a config may name. Read from YAML, checked, and looked up with helpful errors.

The entries that ship (`shipped`) are completed or replaced by those that a config adds (`with_own`). A job is given
only the entries behind its result, without the words that decide nothing (`canonical_json`).
"""

import json
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import Field, ValidationError, model_validator

from posinfo.registry import mistakes
from posinfo.registry.entries import (
    WORDS,
    ArchiveImages,
    Encoder,
    Entry,
    Folder,
    ImageSet,
    Name,
    Photographs,
    Source,
    StoredWeights,
    TrainedWeights,
    Views,
    WeightFile,
)
from posinfo.store.errors import InputError, unknown

REGISTRY = Path(__file__).parents[2] / "registry"
Named = TypeVar("Named")


class Registry(Entry):
    """Everything that a config may name, by name."""

    sources: dict[Name, Source] = Field({})
    photographs: dict[Name, Photographs] = Field({})
    images: dict[Name, ImageSet] = Field({})
    encoders: dict[Name, Encoder] = Field({})

    @model_validator(mode="after")
    def _one_file_each(self) -> Self:
        places: dict[str, str] = {}
        for name, source in self.sources.items():
            if source.place in places:
                raise ValueError(
                    f"sources {places[source.place]} and {name} would lie at the same place, {source.place}"
                )
            places[source.place] = name
        return self

    @model_validator(mode="after")
    def _trainings_fit(self) -> Self:
        for name, entry in self.encoders.items():
            if entry.start is not None and entry.variant_of is None:
                self._fits(name, entry, entry.start)
            if entry.step is not None and (entry.variant_of is None or entry.task is None):
                raise ValueError(f"encoders.{name}: step is for variants (variant_of) of an encoder trained for a task")
        return self

    def _fits(self, name: str, entry: Encoder, start: str) -> None:
        """Whether the training of one encoder can start from another."""
        where = f"encoders.{name}: start"
        if start not in self.encoders:
            raise ValueError(f"{where}: {unknown('encoder', start, self.encoders)}")
        other = self.encoders[start]
        if other.weights is None:
            raise ValueError(f"{where}: {start} has no weights; name an encoder with weights, or train from scratch")
        if other.architecture != entry.architecture:
            raise ValueError(f"{where}: {start} is a {other.architecture}, not a {entry.architecture} as {name} is")
        if other.input != entry.input:
            raise ValueError(f"{where}: {start} wants other input than {name}; give both the same `input`")
        seen = [name]
        while other.start is not None and start not in seen:
            seen.append(start)
            start, other = other.start, self.encoders.get(other.start, other)
        if start in seen:
            raise ValueError(f"{where}: trainings start from each other, {' from '.join([*seen, start])}")

    def image_dependencies(self, name: str) -> Self:
        """The entries that decide a set of images: the set, its collection, its sources.

        Raises:
            InputError: for a name that is not known.
        """
        entry = look_up("set of images", name, self.images)
        found = type(self)(images={name: entry})
        if isinstance(entry, ArchiveImages):
            return found.model_copy(update={"sources": self._named([entry.archive])})
        if not isinstance(entry, Views):
            return found
        collection = look_up("collection of photographs", entry.photographs, self.photographs)
        update = {"photographs": {entry.photographs: collection}, "sources": self._named(collection.sources)}
        return found.model_copy(update=update)

    def mask_dependencies(self, name: str) -> Self:
        """The entries that decide a set's masks: the set and the sources of pictures and masks.

        Raises:
            InputError: for a name that is not known, or a set without masks of whole pictures.
        """
        found = self.image_dependencies(name)
        entry = found.images[name]
        if not isinstance(entry, ArchiveImages | Folder) or entry.masks is None:
            raise InputError(f"set of images {name!r} has no masks; name them in its entry, or name another set")
        if isinstance(entry, Folder) and entry.views > 1:
            raise InputError(f"set of images {name!r} has {entry.views} views of each photograph; masks go with one")
        if isinstance(entry, ArchiveImages) and entry.masks_archive:
            return found.model_copy(update={"sources": self._named([entry.archive, entry.masks_archive])})
        return found

    def weight_dependencies(self, name: str) -> StoredWeights:
        """What decides an encoder's weights: its architecture, where they are stored, the source.

        Raises:
            InputError: for a name that is not known, or an encoder without weights.
        """
        entry = look_up("encoder", name, self.encoders)
        if entry.weights is None:
            raise InputError(f"encoder {name!r} has no weights")
        if isinstance(entry.weights, TrainedWeights):
            raise InputError(f"encoder {name!r} is trained, not fetched; its weights lie in the results")
        source = (
            look_up("source", entry.weights.source, self.sources) if isinstance(entry.weights, WeightFile) else None
        )
        return StoredWeights(architecture=entry.architecture, weights=entry.weights, source=source)

    def _named(self, names: list[str]) -> dict[str, Source]:
        return {name: look_up("source", name, self.sources) for name in names}


def _complete(encoders: dict[str, dict[str, Any]], file: str) -> dict[str, dict[str, Any]]:
    """Variants completed from the entry that they vary."""
    for name, entry in encoders.items():
        base = entry.get("variant_of")
        if base is not None and base not in encoders:
            raise InputError(f"{file}: {name}: {unknown('encoder', str(base), encoders)}")
        if base is not None and "variant_of" in encoders[base]:
            raise InputError(f"{file}: {name}: {base} is itself a variant; name the encoder that it varies")
    return {name: encoders.get(str(entry.get("variant_of")), {}) | entry for name, entry in encoders.items()}


def _checked(content: dict[str, dict[str, Any]], file: str) -> Registry:
    try:
        return Registry.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{file}: " + "; ".join(mistakes.lines(error))) from None


@cache
def _written() -> dict[str, dict[str, Any]]:
    """The registry's YAML files as they are written."""
    files = {name: REGISTRY / f"{name}.yaml" for name in ("sources", "images", "encoders")}
    read = {name: yaml.safe_load(path.read_text(encoding="utf-8")) for name, path in files.items()}
    return {"sources": read["sources"], **read["images"], "encoders": read["encoders"]}


@cache
def shipped() -> Registry:
    """The registry as it ships."""
    written = _written()
    return _checked({**written, "encoders": _complete(written["encoders"], "registry")}, "registry")


def with_own(own: Mapping[str, Mapping[str, Any]]) -> Registry:
    """The registry with entries that a config adds; an entry of a known name replaces the shipped one.

    Args:
        own: `sources`, `photographs`, `images`, `encoders`, each name to entry, as in the registry's files.

    Raises:
        InputError: for an entry that is not as it must be.
    """
    if not any(own.values()):
        return shipped()
    merged = {part: {**entries, **own.get(part, {})} for part, entries in _written().items()}
    return _checked({**merged, "encoders": _complete(merged["encoders"], "own")}, "own")


def described(part: str | None) -> Registry:
    """The part of the registry that a rule hands over as JSON; the whole of what ships, if it hands over none."""
    return Registry.model_validate_json(part) if part else shipped()


def described_encoder(name: str, entry: str | None) -> Encoder:
    """The encoder whose entry a rule hands over as JSON, or the shipped one of that name.

    Raises:
        InputError: names the nearest known one.
    """
    return Encoder.model_validate_json(entry) if entry else look_up("encoder", name, shipped().encoders)


def canonical_json(entry: Entry) -> str:
    """JSON of an entry without what is only said about it (and without the mirrors): what a result depends on."""
    return json.dumps(_plain(entry))


def _plain(value: Any) -> Any:
    if isinstance(value, Entry):
        fields = {name: getattr(value, name) for name in type(value).model_fields if name not in WORDS}
        return {name: _plain(part) for name, part in fields.items() if part is not None}
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def fingerprint(entry: Entry) -> str:
    """16 hex digits that change when `canonical_json(entry)` does."""
    return sha256(canonical_json(entry).encode()).hexdigest()[:16]


def look_up(kind: str, name: str, entries: Mapping[str, Named]) -> Named:
    """The entry of that name.

    Raises:
        InputError: names the nearest known one.
    """
    if name not in entries:
        raise InputError(unknown(kind, name, entries))
    return entries[name]
