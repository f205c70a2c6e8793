"""The bench: ratios measured side by side in one run, medians of several repetitions, each beside its goal.

Run all with `make bench`, which builds Table 1 first, or parts: `python bench/bench.py extraction growth`. Writes
bench.csv, bench.png and what single parts say of themselves into results/; features of noise lie in results/bench.
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
    "planning": "finished_run.planning",
    "one_pass": "limits.one_pass",
    "stacking": "stacked.stacking",
    "scoring": "limits.scoring",
    "doubling": "stacked.doubling",
    "released": "beside.against_released",
    "beside": "beside.beside",
}
OF_A_RUN = {"run": "finished_run.run_in_results"}  # these take a folder of results
ON_NOISE = {
    "extraction": "extracting.alone_on_both_cores",
    "extraction_one_thread": "extracting.alone_on_one_core",
    "two_jobs": "extracting.side_by_side_jobs",
}
AT_A_THOUSAND = {  # these take the number of pictures
    "thousand_layers": "thousand.layers",
    "thousand_kernels": "thousand.kernels",
    "thousand_exact": "thousand.exact",
    "growth": "growth.growth",
}
STAGES = ("extraction", "readouts", "exact", "scores")
ONE_STAGE = {f"growth_{stage}": stage for stage in STAGES}  # the growth of one stage only
PARTS = {**ON_TABLE1, **OF_A_RUN, **ON_NOISE, **AT_A_THOUSAND}


def measure(part: str, pictures: int, results: Path) -> "list[Line]":
    """The lines of one part."""
    module, function = PARTS["growth" if part in ONE_STAGE else part].split(".")
    work: Callable[..., list[Line]] = getattr(import_module(module), function)
    if part in ONE_STAGE:
        return work(pictures, ONE_STAGE[part])
    if part in OF_A_RUN:
        return work(results)
    return work(pictures) if part in AT_A_THOUSAND else work()


def merged(part: str, lines: "list[Line]", path: Path) -> pd.DataFrame:
    """The table at `path` with the lines of a part in the place of those that stood there, written at once."""
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
            again = (before["part"] == part) | before["what"].isin(table["what"])
            table = pd.concat([before[~again], table], ignore_index=True)
    table.to_csv(path, index=False)
    return table


def compared(table: pd.DataFrame, path: Path) -> None:
    """Print each line over the same line of another bench.csv."""
    both = table.merge(pd.read_csv(path, keep_default_na=False), on="what", suffixes=("", "_other"))
    both["ratio"] = both["measured"] / both["measured_other"].astype(float)
    print(
        tabulate(
            both[["what", "measured", "measured_other", "ratio"]].to_numpy().tolist(), ["what", "here", path, "ratio"]
        )
    )


def figure(table: pd.DataFrame, path: Path) -> None:
    """Each line with a goal as a bar of its distance from it: right of 1 the goal is met."""
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
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(choices)}; by default all but growth of single stages")
    parser.add_argument("--pictures", type=int, default=1000, help="what a thousand is; fewer for a try (at least 64)")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="whose run is judged by the part `run`")
    parser.add_argument("--library", type=Path, default=ROOT / "workflow", help="another checkout's, to be measured")
    parser.add_argument("--into", type=Path, default=ROOT / "results/bench.csv", help="csv for the lines")
    parser.add_argument("--compare", type=Path, help="another such csv: print the ratios of lines in both")
    args = parser.parse_args()
    if wrong := [part for part in args.parts if part not in choices]:
        parser.error(f"there is no part {wrong[0]}; parts: {', '.join(choices)}")
    if OF_A_RUN.keys() & set(args.parts or PARTS) and not (args.results / "benchmarks").is_dir():
        parser.error(f"no job has ended in {args.results} (no folder benchmarks); --results: a folder of results")
    sys.path.insert(0, str(args.library.resolve()))
    from timing import use_cores

    use_cores()
    table = pd.DataFrame()
    parts = tqdm(args.parts or PARTS, desc="bench", unit="part")
    for part in parts:
        table = merged(part, measure(part, args.pictures, args.results.resolve()), args.into)
    shown = table[table["part"].isin(args.parts)] if args.parts else table
    rows = [[row.what, f"{row.measured:.3g}", row.goal, row.reached, row.note] for row in shown.itertuples()]
    print(tabulate(rows, ["what", "measured", "goal", "reached", "note"], disable_numparse=True))
    figure(table, args.into.with_suffix(".png"))
    if args.compare:
        compared(shown, args.compare)


if __name__ == "__main__":
    main()
