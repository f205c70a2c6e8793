"""Memory of training, by the number of pictures: one epoch over feature files of random numbers, as large as asked.

`python bench/memory.py` prints resident memory for 500 and 5,000 pictures; `python bench/memory.py 10553 --scratch DIR`
is one epoch over the full run's 24 GB, which DIR must hold. Each number of pictures is a process of its own.
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
    """One stage with all of VGG16's channels; a block of random numbers again and again: only size matters."""
    array = preallocated_npy(folder / "random.npy", np.float16, (count, CHANNELS, SIDE, SIDE))
    block = np.random.default_rng(0).random((BLOCK, CHANNELS, SIDE, SIDE), dtype=np.float32).astype(np.float16)
    for start in range(0, count, BLOCK):
        array[start : start + BLOCK] = block[: count - start]
        drop_pages(array)
    return StageFeatures("f1", array, {"alignment": Alignment().model_dump(), "rms": 0.58})


def one_epoch(count: int, folder: Path) -> dict[str, float]:
    """Every pattern, three seeds: pictures per second and the largest resident memory in GB."""
    device = choose_device("auto", min(8, torch.get_num_threads()))
    stages, training = [random_features(count, folder)], Training(epochs=1)
    heads = [Head(Readout(), pattern, seed) for pattern in PATTERNS for seed in range(3)]
    stack = make_stack(Readout(), heads, stages, Alignment(), training)
    started = time.perf_counter()
    train([stack], stages, training, "paper", Alignment(), device, describe=f"{count} pictures")
    took = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    size = count * CHANNELS * SIDE**2 * 2 / 1e9
    return {"pictures": count, "features GB": size, "pictures/s": count / took, "GB/s": size / took, "peak GB": peak}


def main() -> None:
    """Print a row for each number of pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="*", type=int, default=[500, 5000])
    parser.add_argument("--scratch", type=Path, help="folder for the feature files, which are removed")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        with tempfile.TemporaryDirectory(dir=args.scratch) as folder:
            print(json.dumps(one_epoch(args.pictures[0], Path(folder))))
        return
    rows = []
    for count in args.pictures:
        command = [sys.executable, __file__, str(count), "--alone"]
        command += ["--scratch", str(args.scratch)] if args.scratch else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout))
    print(tabulate(rows, headers="keys", floatfmt=".2f"))


if __name__ == "__main__":
    main()
