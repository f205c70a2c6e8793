"""The bench: ratios of times measured side by side, medians of several repetitions, each beside its goal.

`make bench` builds Table 1 and measures all parts; `python bench/bench.py extraction growth` measures two. The bench
writes bench.csv, bench.png and the tables of single parts into results/, and features of noise into results/bench.
"""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import pandas as pd
from tabulate import tabulate
from tqdm import tqdm

if TYPE_CHECKING:
    from timing import Line

ROOT = Path(__file__).parent.parent
# Part to its module and function, imported when it is asked for: another library may lack what other parts need.
ON_TABLE1 = {  # these need the results of Table 1
    "planning": "planning.planning",
    "one_epoch": "training.one_epoch",
    "stacking": "training.stacking",
    "doubling": "training.doubling",
    "released": "alternatives.released",
    "alternatives": "alternatives.alternatives",
}
ON_A_RUN = {"run": "finished_run.run_in_results"}  # these take a folder of results
ON_NOISE = {
    "extraction": "extracting.two_threads",
    "extraction_one_thread": "extracting.one_thread",
    "two_jobs": "extracting.two_jobs",
}
ON_A_THOUSAND = {  # these take the number of images
    "thousand_layers": "thousand.layers",
    "thousand_kernels": "thousand.kernels",
    "thousand_least_squares": "thousand.least_squares",
    "growth": "growth.growth",
}
STAGES = ("extraction", "readouts", "least_squares", "scores")
ONE_STAGE = {f"growth_{stage}": stage for stage in STAGES}  # the growth of one stage only
PARTS = {**ON_TABLE1, **ON_A_RUN, **ON_NOISE, **ON_A_THOUSAND}


def measure(part: str, images: int, results: Path) -> "list[Line]":
    """The lines of one part."""
    module, function = PARTS["growth" if part in ONE_STAGE else part].split(".")
    work: Callable[..., list[Line]] = getattr(import_module(module), function)
    if part in ONE_STAGE:
        return work(images, ONE_STAGE[part])
    if part in ON_A_RUN:
        return work(results)
    return work(images) if part in ON_A_THOUSAND else work()


def update(path: Path, part: str, lines: "list[Line]") -> pd.DataFrame:
    """Replace the lines of a part in the table at `path`; returns the whole table."""
    now = f"{datetime.now(UTC):%F %H:%M}"
    columns = ["part", "what", "measured", "goal", "reached", "note", "when"]
    rows: list[dict[str, Any]] = [
        {"part": part, "what": line.what, "measured": line.measured, "goal": line.goal}
        | {"reached": {True: "yes", False: "no", None: ""}[line.reached], "note": line.note, "when": now}
        for line in lines
    ]
    table = pd.DataFrame(rows, columns=columns)
    if path.exists():
        before = pd.read_csv(path, keep_default_na=False)
        if "part" in before:
            replaced = (before["part"] == part) | before["what"].isin(table["what"])
            table = pd.concat([before[~replaced], table], ignore_index=True)
    table.to_csv(path, index=False)
    return table


def print_ratios(table: pd.DataFrame, path: Path) -> None:
    """Print the ratio of each line to the same line of another bench.csv."""
    both = table.merge(pd.read_csv(path, keep_default_na=False), on="what", suffixes=("", "_other"))
    both["ratio"] = both["measured"] / both["measured_other"].astype(float)
    rows = both[["what", "measured", "measured_other", "ratio"]].to_numpy().tolist()
    print(tabulate(rows, ["what", "here", path, "ratio"]))


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw a bar for each line with a goal: how many times better it is than its goal."""
    judged = table[table["goal"] != ""]
    if judged.empty:
        return
    shares = []
    for measured, goal in zip(judged["measured"].astype(float), judged["goal"], strict=True):
        sign, bound = goal.split()
        shares.append(measured / float(bound) if sign == "≥" else float(bound) / measured)
    drawing, axes = plt.subplots(figsize=(10, 0.36 * len(judged) + 1), layout="constrained")
    axes.barh(range(len(judged)), shares, color=judged["reached"].map({"yes": "tab:green", "no": "tab:red"}))
    axes.set(xscale="log", xlabel="times better than its goal", yticks=range(len(judged)))
    axes.set_xticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    axes.set_xticks([], minor=True)
    axes.margins(y=0.01)
    labels = zip(judged["what"], judged["measured"].astype(float), judged["goal"], strict=True)
    axes.set_yticklabels([f"{what}: {measured:.3g} ({goal})" for what, measured, goal in labels], fontsize=7)
    axes.axvline(1, color="black", linewidth=1)
    axes.invert_yaxis()
    drawing.savefig(path, dpi=150)


def main() -> None:
    """Measure the asked parts and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    choices = [*PARTS, *ONE_STAGE]
    parser.add_argument(
        "parts", nargs="*", help=f"{', '.join(choices)}; by default all but the growth of single stages"
    )
    parser.add_argument("--images", type=int, default=1000, help="images of thousand_ and growth (at least 64)")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "results", help="folder whose runs the part `run` judges"
    )
    parser.add_argument(
        "--library", type=Path, default=ROOT / "workflow", help="library to measure, such as another checkout's"
    )
    parser.add_argument("--into", type=Path, default=ROOT / "results/bench.csv", help="csv that the lines go into")
    parser.add_argument("--compare", type=Path, help="another such csv; prints the ratios to its lines")
    args = parser.parse_args()
    unknown = [part for part in args.parts if part not in choices]
    if unknown:
        parser.error(f"there is no part {unknown[0]}; parts: {', '.join(choices)}")
    if ON_A_RUN.keys() & set(args.parts or PARTS) and not (args.results / "benchmarks").is_dir():
        parser.error(f"no job has ended in {args.results} (no folder benchmarks); name a folder of results: --results")
    sys.path.insert(0, str(args.library.resolve()))
    from timing import use_cores

    use_cores()
    table = pd.DataFrame()
    for part in tqdm(args.parts or PARTS, desc="bench", unit="part"):
        table = update(args.into, part, measure(part, args.images, args.results.resolve()))
    shown = table[table["part"].isin(args.parts)] if args.parts else table
    rows = [[row.what, f"{row.measured:.3g}", row.goal, row.reached, row.note] for row in shown.itertuples()]
    print(tabulate(rows, ["what", "measured", "goal", "reached", "note"], disable_numparse=True))
    draw(table, args.into.with_suffix(".png"))
    if args.compare:
        print_ratios(shown, args.compare)


if __name__ == "__main__":
    main()
