"""Read every finished file of a results folder as the pipeline would, and print those that it refuses."""

import sys
from pathlib import Path

from posinfo.features.stored import read_features
from posinfo.store.errors import InputError
from posinfo.store.sidecars import verified
from posinfo.store.tensors import read_tensors

STORED = {"images": ".npy", "scores": ".csv", "predictions": ".npz"}

results = Path(sys.argv[1])
for path in sorted(results.rglob("[!.]*")):
    try:
        if path.suffix == ".safetensors":
            read_tensors(path)
        elif path.name == "features.json":
            read_features(path.parent)
        elif path.suffix == STORED.get(path.relative_to(results).parts[0]):
            verified(path)
    except InputError as error:
        print(f"{path}: {error}")
