"""The registry of all that a config may name: read from YAML, checked, and looked up with helpful errors.

A config adds entries to the shipped ones, or replaces them (`shipped`, `with_own`). A job receives only the entries
behind its result, without the keys that change no result (`canonical_json`).
"""

import json
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from posinfo.registry import entries, mistakes
from posinfo.registry.entries import Encoder, Entry, ImageSet, Name, Photographs, Source, StoredWeights
from posinfo.registry.files import WORDS
from posinfo.store.errors import InputError, unknown
from posinfo.store.files import ROOT, read_yaml

REGISTRY = ROOT / "workflow/registry"
PARTS = TypeAdapter(dict[str, dict[str, dict[str, Any]]])  # of the registry, name to entry
Named = TypeVar("Named")


class Registry(Entry):
    """The entries that a config may name, by name."""

    sources: dict[Name, Source] = Field({})
    photographs: dict[Name, Photographs] = Field({})
    images: dict[Name, ImageSet] = Field({})
    encoders: dict[Name, Encoder] = Field({})

    @model_validator(mode="after")
    def _one_file_each(self) -> Self:
        places: dict[str, str] = {}
        for name, source in self.sources.items():
            if source.place in places:
                other = places[source.place]
                raise ValueError(f"sources {other} and {name} have the same path, {source.place}; rename one file")
            places[source.place] = name
        return self

    def at_hand(self, resources: Path) -> Self:
        """The registry for the files that lie in `resources`.

        A set of images whose archive is not there is read from its other archive, if that is there.

        Raises:
            InputError: when `otherwise` names no set in an archive.
        """

        def there(entry: entries.ArchiveImages) -> bool:
            return look_up("source", entry.archive, self.sources).at(resources).exists()

        found = dict(self.images)
        for name, entry in self.images.items():
            if isinstance(entry, entries.ArchiveImages) and entry.otherwise and not there(entry):
                other = look_up("set of images", entry.otherwise, self.images)
                if not isinstance(other, entries.ArchiveImages):
                    raise InputError(f"images.{name}: otherwise: {entry.otherwise} is no set of images in an archive")
                if there(other):
                    found[name] = other
        return self.model_copy(update={"images": found})

    @model_validator(mode="after")
    def _trainings_fit(self) -> Self:
        for name, entry in self.encoders.items():
            if entry.start is not None and entry.variant_of is None:
                self._fits(name, entry, entry.start)
            if entry.step is not None and (entry.variant_of is None or entry.task is None):
                raise ValueError(f"encoders.{name}: step is for variants (variant_of) of an encoder trained for a task")
        return self

    @model_validator(mode="after")
    def _variants_share_what_they_read(self) -> Self:
        for name, entry in self.encoders.items():
            shared = ["architecture", "weights"]
            if entry.fit:
                shared += ["padding", "position", "input", "taps"]
            if entry.fit and entry.variant_of is None:
                raise ValueError(f"encoders.{name}: fit is for variants (variant_of), whose stored maps it changes")
            if entry.variant_of is not None:
                self._same(name, entry, self.encoders[entry.variant_of], shared)
        return self

    def _same(self, name: str, entry: Encoder, base: Encoder, keys: list[str]) -> None:
        """Check that a variant does not name other values of keys than what it reads was made with."""
        for key in keys:
            if getattr(entry, key) != getattr(base, key):
                read = "stored maps" if entry.fit else "weights"
                raise ValueError(
                    f"encoders.{name}: {key} is another than that of {entry.variant_of}, whose {read} a variant reads; "
                    f"leave {key} out, or leave variant_of out and write the whole entry"
                )

    def _fits(self, name: str, entry: Encoder, start: str) -> None:
        """Check that the training of an encoder can start from another."""
        where = f"encoders.{name}: start"
        if start not in self.encoders:
            raise ValueError(f"{where}: {unknown('encoder', start, self.encoders)}")
        other = self.encoders[start]
        if other.weights is None:
            raise ValueError(f"{where}: {start} has no weights; name an encoder with weights, or train from scratch")
        if other.architecture != entry.architecture:
            raise ValueError(f"{where}: {start} is a {other.architecture}, not a {entry.architecture} as {name} is")
        if other.input != entry.input:
            raise ValueError(f"{where}: {start} has another input than {name}; give both the same `input`")
        seen = [name]
        while other.start is not None and start not in seen:
            seen.append(start)
            start = other.start
            other = self.encoders.get(start, other)
        if start in seen:
            raise ValueError(f"{where}: trainings start from each other, {' from '.join([*seen, start])}")

    def image_dependencies(self, name: str) -> Self:
        """The entries that decide a set of images: the set, its collection, its sources.

        Raises:
            InputError: for an unknown name.
        """
        entry = look_up("set of images", name, self.images)
        found = type(self)(images={name: entry})
        if isinstance(entry, entries.ArchiveImages):
            return found.model_copy(update={"sources": self._named([entry.archive])})
        if not isinstance(entry, entries.Views):
            return found
        collection = look_up("collection of photographs", entry.photographs, self.photographs)
        update = {"photographs": {entry.photographs: collection}, "sources": self._named(collection.sources)}
        return found.model_copy(update=update)

    def mask_dependencies(self, name: str) -> Self:
        """The entries that decide a set's masks: the set and the sources of images and masks.

        Raises:
            InputError: for an unknown name, or a set without masks of whole photographs.
        """
        found = self.image_dependencies(name)
        entry = found.images[name]
        if not isinstance(entry, entries.ArchiveImages | entries.Folder) or entry.masks is None:
            raise InputError(f"set of images {name!r} has no masks; name them in its entry, or name another set")
        if isinstance(entry, entries.Folder) and entry.views > 1:
            raise InputError(f"set of images {name!r} has {entry.views} views of each photograph; masks need views: 1")
        if isinstance(entry, entries.ArchiveImages) and entry.masks_archive:
            return found.model_copy(update={"sources": self._named([entry.archive, entry.masks_archive])})
        return found

    def weight_dependencies(self, name: str) -> StoredWeights:
        """The entries that decide an encoder's weight file.

        Raises:
            InputError: for an unknown name, or an encoder without weights or with weights that are trained here.
        """
        entry = look_up("encoder", name, self.encoders)
        if entry.weights is None:
            raise InputError(f"encoder {name!r} has no weights")
        if isinstance(entry.weights, entries.TrainedWeights):
            raise InputError(f"encoder {name!r} is trained, not fetched; its weights lie in the results")
        source = None
        if isinstance(entry.weights, entries.WeightFile):
            source = look_up("source", entry.weights.source, self.sources)
        return StoredWeights(architecture=entry.architecture, weights=entry.weights, source=source)

    def _named(self, names: list[str]) -> dict[str, Source]:
        return {name: look_up("source", name, self.sources) for name in names}


def _complete(encoders: dict[str, dict[str, Any]], file: str) -> dict[str, dict[str, Any]]:
    """The encoders' entries, with keys that a variant leaves out taken from the encoder that it varies."""
    for name, entry in encoders.items():
        base = entry.get("variant_of")
        if base is not None and str(base) not in encoders:
            raise InputError(f"{file}: {name}: {unknown('encoder', str(base), encoders)}")
        if base is not None and "variant_of" in encoders[str(base)]:
            raise InputError(f"{file}: {name}: {base} is itself a variant; name the encoder that it varies")
    return {name: encoders.get(str(entry.get("variant_of")), {}) | entry for name, entry in encoders.items()}


def _checked(content: dict[str, dict[str, Any]], file: str) -> Registry:
    try:
        return Registry.model_validate({**content, "encoders": _complete(content["encoders"], file)})
    except ValidationError as error:
        raise InputError(f"{file}: " + "; ".join(mistakes.lines(error))) from None


@cache
def _written() -> dict[str, dict[str, Any]]:
    """The content of the registry's YAML files."""
    files = {name: REGISTRY / f"{name}.yaml" for name in ("sources", "images", "encoders")}
    read = {name: read_yaml(path) for name, path in files.items()}
    return {"sources": read["sources"], **read["images"], "encoders": read["encoders"]}


@cache
def shipped() -> Registry:
    """The shipped registry."""
    return _checked(_written(), "registry")


def with_own(own: Any) -> Registry:
    """The shipped registry with a config's own entries; one of a known name replaces the shipped one.

    Args:
        own: `sources`, `photographs`, `images`, `encoders`, each name to entry, as in the registry's files.

    Raises:
        InputError: for an invalid entry.
    """
    try:
        parts = PARTS.validate_python(own)
    except ValidationError as error:
        raise InputError("; ".join(mistakes.lines(error, section="own"))) from None
    if not any(parts.values()):
        return shipped()
    merged = {part: {**written, **parts.get(part, {})} for part, written in _written().items()}
    return _checked(merged, "own")


def canonical_json(entry: Entry) -> str:
    """JSON of what a result depends on: an entry without titles, comments, licences, mirrors and empty keys."""
    return json.dumps(_plain(entry))


def _plain(value: Any) -> Any:
    if isinstance(value, Entry):
        return {name: _plain(part) for name, part in value if name not in WORDS and part is not None}
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def fingerprint(entry: Entry) -> str:
    """16 hex digits that change when `canonical_json(entry)` does."""
    return sha256(canonical_json(entry).encode()).hexdigest()[:16]


def look_up(kind: str, name: str, known: Mapping[str, Named]) -> Named:
    """The entry of that name.

    Raises:
        InputError: for an unknown name; the message has the nearest known one.
    """
    if name not in known:
        raise InputError(unknown(kind, name, known))
    return known[name]
