"""Decode sets of images."""

import sys
from collections.abc import Sequence
from pathlib import Path


def images(name: str, *, entry: str, resources: Path, trained_on: Sequence[Path], output: Path) -> None:
    """Decode and resize a set of images; write it, its csv and its sidecar.

    Args:
        name: of the set
        entry: JSON of the registry's entries behind the set
        trained_on: csv of the training set, to refuse its photographs
        output: the .npy file; .csv and .json go beside it
    """
    from posinfo.images.decoded import refuse_shared_photographs, write_images
    from posinfo.images.sets import images_of
    from posinfo.registry.catalogue import Registry
    from posinfo.registry.entries import Folder
    from posinfo.sources.folders import passed_over

    registry = Registry.model_validate_json(entry)
    decoded, count = images_of(name, registry, resources)
    described = registry.images[name]
    if isinstance(described, Folder) and (words := passed_over(Path(described.folder))):
        print(words, file=sys.stderr)
    for training_set in trained_on:
        decoded = refuse_shared_photographs(decoded, training_set)
    write_images(decoded, count, output)


OF_RULES = (images,)
