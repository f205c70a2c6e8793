"""Times and memory of a finished default run, each beside the limit that it is measured against.

Run it with `make bench` after `make demo`. Every ratio is measured side by side in one process, as the median of five
repetitions; absolute seconds depend on the machine and on what else it does.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tabulate import tabulate

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

from posinfo import registry  # noqa: E402
from posinfo.alignment import Alignment  # noqa: E402
from posinfo.architectures import with_weights  # noqa: E402
from posinfo.features import InputConvention, extract, open_encoder  # noqa: E402
from posinfo.images import Picture, write_images  # noqa: E402
from posinfo.tensors import read_tensors  # noqa: E402

REPETITIONS = 5
TARGET = "results/tables/table1.csv"


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def ratio(numerator: Callable[[], object], denominator: Callable[[], object]) -> tuple[float, float, float]:
    """Median seconds of both and of their ratio, taken in turn; one warm-up each."""
    numerator()
    denominator()
    pairs = [(seconds(numerator), seconds(denominator)) for _ in range(REPETITIONS)]
    ours, theirs = zip(*pairs, strict=True)
    return statistics.median(ours), statistics.median(theirs), statistics.median(a / b for a, b in pairs)


def snakemake(*arguments: str) -> None:
    """One quiet call of Snakemake on the default run."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "2", "--quiet", "all"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def extraction(count: int = 24) -> list[object]:
    """Extraction to disk against the bare forward pass of the same module on pictures already in memory."""
    entry, weights = registry.shipped().encoders["vgg16"], ROOT / "resources/encoders/vgg16.safetensors"
    convention = InputConvention(**entry.input.model_dump())
    pictures = np.load(ROOT / "results/images/photos-train.npy", mmap_mode="r")[:count]
    prepared = convention.prepare(torch.from_numpy(np.array(pictures)))
    stored = {name: torch.from_numpy(array) for name, array in read_tensors(weights)[0].items()}
    bare = with_weights(entry.architecture, stored, str(weights)).to(memory_format=torch.channels_last)
    model = open_encoder(entry.architecture, weights, entry.taps)
    with tempfile.TemporaryDirectory() as scratch:
        images = Path(scratch) / "bench.npy"
        write_images((Picture(f"{index}", picture) for index, picture in enumerate(pictures)), count, images)

        def ours() -> None:
            extract(
                model=model,
                convention=convention,
                images=images,
                outputs={stage: Path(scratch) / f"{stage}.npy" for stage in entry.stages},
                alignment=Alignment(),
                device=torch.device("cpu"),
                story={"encoder": "vgg16", "weights_sha256": None},
            )

        @torch.inference_mode()
        def forward() -> None:
            for start in range(0, count, 4):
                bare(prepared[start : start + 4])

        mine, limit, quotient = ratio(ours, forward)
    text = f"{count / mine:.1f} pictures/s against {count / limit:.1f}"
    return ["extraction, VGG16, share of the bare forward's rate", f"{1 / quotient:.3f}", "0.90", text]


def main() -> None:
    """Print the table and write it to results/bench.csv."""
    torch.set_num_threads(2)
    benchmarks = ROOT / "results/benchmarks"
    runs = {path: pd.read_csv(path, sep="\t") for path in sorted(benchmarks.rglob("*.tsv"))}
    memory = {path: float(frame["max_rss"].iloc[0]) for path, frame in runs.items()}
    largest = max(memory, key=lambda path: memory[path])
    readout = runs[benchmarks / "readouts/vgg16/base.tsv"]["s"].iloc[0]
    rows: list[list[object]] = [
        [
            "snakemake -n, seconds",
            f"{statistics.median(seconds(lambda: snakemake('-nF', TARGET)) for _ in range(5)):.2f}",
            "3",
        ],
        [
            "nothing to do, seconds",
            f"{statistics.median(seconds(lambda: snakemake(TARGET)) for _ in range(5)):.2f}",
            "3",
        ],
        ["readout job, VGG16, 5 patterns x 3 seeds, seconds", f"{readout:.1f}", "60"],
        [
            "largest peak memory of a job, GB",
            f"{memory[largest] / 1024:.2f}",
            "3",
            str(largest.relative_to(benchmarks)),
        ],
        ["sum of all jobs, seconds", f"{sum(float(frame['s'].iloc[0]) for frame in runs.values()):.0f}", ""],
        extraction(),
    ]
    table = pd.DataFrame(rows, columns=["what", "measured", "goal", "note"]).fillna("")
    table.to_csv(ROOT / "results/bench.csv", index=False)
    print(tabulate(table.to_numpy().tolist(), headers=list(table.columns), disable_numparse=True))


if __name__ == "__main__":
    main()
