"""The bench: every line a ratio measured side by side in one run, medians of five repetitions, beside its goal.

Run it with `make bench`, which builds Table 1 first. Writes bench.csv, bench.png and bench_jobs.csv into results/.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

import matplotlib.pyplot as plt  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
from finished_run import planning, reports, run_in_results  # noqa: E402
from growth import against_released, growth, stacking  # noqa: E402
from limits import extraction, one_pass, scoring  # noqa: E402
from tabulate import tabulate  # noqa: E402
from timing import Line  # noqa: E402
from tqdm import tqdm  # noqa: E402

PARTS: dict[str, Callable[[], list[Line]]] = {
    "planning": planning,
    "extraction": extraction,
    "one_pass": one_pass,
    "stacking": stacking,
    "scoring": scoring,
    "growth": growth,
    "released": against_released,
    "run": run_in_results,
}


def figure(lines: list[Line], path: Path) -> None:
    """Each line with a goal as a bar of its distance from it: right of 1 the goal is met."""
    judged = [line for line in lines if line.goal]
    shares = []
    for line in judged:
        sign, bound = line.goal.split()
        shares.append(line.measured / float(bound) if sign == "≥" else float(bound) / line.measured)
    drawing, axes = plt.subplots(figsize=(9, 0.36 * len(judged) + 1), layout="constrained")
    axes.barh(range(len(judged)), shares, color=["tab:green" if line.reached else "tab:red" for line in judged])
    axes.set(xscale="log", xlabel="times better than its goal", yticks=range(len(judged)))
    axes.set_xticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    axes.set_xticks([], minor=True)
    axes.margins(y=0.01)
    axes.set_yticklabels([f"{line.what}: {line.measured:.3g} ({line.goal})" for line in judged], fontsize=7)
    axes.axvline(1, color="black", linewidth=1)
    axes.invert_yaxis()
    drawing.savefig(path, dpi=150)


def main() -> None:
    """Measure the asked parts and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="all of them by default")
    names = parser.parse_args().parts or list(PARTS)
    torch.set_num_threads(min(2, torch.get_num_threads()))
    lines = [line for name in tqdm(names, desc="bench", unit="part") for line in PARTS[name]()]
    words = {True: "yes", False: "no", None: ""}
    rows = [[line.what, f"{line.measured:.3g}", line.goal, words[line.reached], line.note] for line in lines]
    table = pd.DataFrame(rows, columns=["what", "measured", "goal", "reached", "note"])
    print(tabulate(table.to_numpy().tolist(), headers=list(table.columns), disable_numparse=True))
    results = ROOT / "results"
    table.to_csv(results / "bench.csv", index=False)
    figure(lines, results / "bench.png")
    reports(results)


if __name__ == "__main__":
    main()
