"""Memory of training by the number of images: one epoch over a feature file of random numbers.

`python bench/memory.py` prints peak memory for 500 and 5,000 images; `python bench/memory.py 10553 --scratch DIR`
trains one epoch over the full run's 24 GB, which DIR must hold. Each number of images is a process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from posinfo.features.stored import StageFeatures  # noqa: E402
from posinfo.protocol.alignment import Alignment  # noqa: E402
from posinfo.protocol.patterns import PATTERNS  # noqa: E402
from posinfo.protocol.readout import Readout, Training  # noqa: E402
from posinfo.readouts.stacked import Head  # noqa: E402
from posinfo.readouts.training import make_stack, train  # noqa: E402
from posinfo.store.devices import choose_device  # noqa: E402
from posinfo.store.files import drop_pages, preallocated_npy  # noqa: E402
from tabulate import tabulate  # noqa: E402

CHANNELS, SIDE, BLOCK = 1472, 28, 64


def random_features(count: int, folder: Path) -> StageFeatures:
    """One stage with all of VGG16's channels; the same block of random numbers is repeated."""
    array = preallocated_npy(folder / "random.npy", np.float16, (count, CHANNELS, SIDE, SIDE))
    block = np.random.default_rng(0).random((BLOCK, CHANNELS, SIDE, SIDE), dtype=np.float32).astype(np.float16)
    for start in range(0, count, BLOCK):
        array[start : start + BLOCK] = block[: count - start]
        drop_pages(array)
    return StageFeatures("f1", array, {"alignment": Alignment().model_dump(), "rms": 0.58})


def one_epoch(count: int, folder: Path) -> dict[str, float]:
    """Train every pattern and three seeds; returns images per second and peak memory in GB."""
    device = choose_device("auto", min(8, torch.get_num_threads()))
    stages = [random_features(count, folder)]
    training = Training(epochs=1)
    heads = [Head(Readout(), pattern, seed) for pattern in PATTERNS for seed in range(3)]
    stack = make_stack(Readout(), heads, stages, Alignment(), training)
    started = time.perf_counter()
    train([stack], stages, training, "paper", Alignment(), device, describe=f"{count} images")
    took = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    size = count * CHANNELS * SIDE**2 * 2 / 1e9
    return {"images": count, "features GB": size, "images/s": count / took, "GB/s": size / took, "peak GB": peak}


def main() -> None:
    """Print a row for each number of images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="*", type=int, default=[500, 5000])
    parser.add_argument("--scratch", type=Path, help="folder for the feature files, which are removed")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        with tempfile.TemporaryDirectory(dir=args.scratch) as folder:
            print(json.dumps(one_epoch(args.images[0], Path(folder))))
        return
    rows = []
    for count in args.images:
        command = [sys.executable, __file__, str(count), "--alone"]
        command += ["--scratch", str(args.scratch)] if args.scratch else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout))
    print(tabulate(rows, headers="keys", floatfmt=".2f"))


if __name__ == "__main__":
    main()
