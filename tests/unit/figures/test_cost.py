"""The schedule of a run from synthetic benchmarks and logs; the figure of it, whatever was lost on the way."""

from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from posinfo.figures.cost import cost
from posinfo.figures.data import FigureData
from posinfo.figures.schedule import COLUMNS, by_run, read_jobs, wall, with_lanes
from posinfo.figures.style import STYLE
from posinfo.run.config import load_config
from posinfo.store.errors import InputError


@dataclass(frozen=True)
class Benchmarks(FigureData):
    """The jobs of a run and nothing else."""

    costs: pd.DataFrame = field(default_factory=pd.DataFrame)

    def jobs(self) -> pd.DataFrame:
        return self.costs


def data(costs: pd.DataFrame) -> FigureData:
    return Benchmarks(load_config({}), (), Path("benchmarks"), costs)


def jobs_of(*spans: tuple[float, float]) -> pd.DataFrame:
    """Jobs from start to end, alike but for that."""
    rows = [(f"scores/e/{place}", "scores", "e", end - start, end) for place, (start, end) in enumerate(spans)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def many_jobs(count: int, cores: int) -> pd.DataFrame:
    """A run of many jobs of random length, each begun as soon as a core is free."""
    rng, free, rows = np.random.default_rng(0), np.full(cores, 1e9), []
    for place in range(count):
        stage = ("features", "readouts", "scores", "tables")[place * 4 // count]
        core, seconds = int(free.argmin()), float(rng.exponential(20) + 1)
        free[core] += seconds + 0.2
        rows.append((f"{stage}/encoder{place % 12}/{place}", stage, f"encoder{place % 12}", seconds, free[core]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_jobs_are_read_from_benchmarks_and_logs(tmp_path: Path) -> None:
    told = {
        "features/vgg16/photos": "2026-11-24 10:00:03.500000 features ...\n1.5 s of CPU, 0.1 GB of memory at most\n",
        "readouts/vgg16/base": "2026-11-24 10:00:07 readouts ...\n1.50 s of CPU, 0.1 GB of memory at most\n",
        "scores/vgg16/base": "2026-11-24 10:00:08 scores ...\nTraceback (most recent call last):\n",
    }
    for name in (*told, "claims"):
        path = tmp_path / "benchmarks" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("s\th:m:s\n3.0\t0:00:03\n")
    for name, text in told.items():
        path = tmp_path / "logs" / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    jobs = read_jobs(tmp_path / "benchmarks", tmp_path / "logs")
    assert jobs["job"].tolist() == ["claims", *told]
    assert jobs[["stage", "name"]].to_numpy().tolist()[:2] == [["claims", ""], ["features", "vgg16"]]
    assert (jobs["seconds"] == 3).all()
    assert jobs["end"].isna().tolist() == [True, False, False, True]  # a job that failed tells no end
    assert jobs["end"].diff()[2] == 3.5
    (run,) = by_run(jobs)
    assert wall(run) == 6.5


def test_results_made_on_two_occasions_are_two_runs() -> None:
    first, second = by_run(jobs_of((100, 130), (0, 50), (10, 90), (5000, 5010), (5020, 5030)))
    assert (wall(first), wall(second)) == (130, 30)
    assert len(first) == 3


def test_a_run_has_as_many_lanes_as_jobs_side_by_side() -> None:
    (run,) = by_run(jobs_of((0, 10), (0, 4), (4.5, 9), (9.2, 20), (10, 12)))
    lanes = with_lanes(run)
    assert lanes.sort_values("job")["lane"].tolist() == [0, 1, 1, 1, 0]
    (run,) = by_run(many_jobs(200, cores=5))
    lanes = with_lanes(run)
    assert lanes["lane"].max() == 4
    for _, rows in lanes.groupby("lane"):
        assert (rows["begin"].to_numpy()[1:] >= (rows["begin"] + rows["seconds"]).to_numpy()[:-1]).all()


def test_a_job_that_seems_to_begin_a_moment_early_opens_no_lane() -> None:
    (run,) = by_run(jobs_of((0, 10), (9.75, 12), (12, 12.5)))
    lanes = with_lanes(run)
    assert lanes["lane"].tolist() == [0, 0, 0]
    assert lanes["begin"].tolist() == [0, 10, 12.25]


TWO_RUNS = pd.DataFrame(
    [
        ("trained/slim", "trained", "slim", 4, 34),
        ("features/vgg16/photos", "features", "vgg16", 30, 30),
        ("readouts/vgg16/base", "readouts", "vgg16", 13, 47),
        ("scores/pixels/base/photos", "scores", "pixels", 2, np.nan),
        ("claims", "claims", "", 1, 1000),
    ],
    columns=list(COLUMNS),
)


def test_every_second_counts_once_and_the_largest_run_is_drawn() -> None:
    figure = cost(data(TWO_RUNS))
    drawn, bars = figure.axes
    assert sum(bar.get_width() for bar in bars.patches) == pytest.approx(50)  # type: ignore[attr-defined]
    assert "all 5 jobs" in bars.get_xlabel()
    assert drawn.get_title("left").startswith("began 1970-01-01 00:00 UTC: 3 jobs, 1 side by side, 47.0 seconds")
    assert "of 2 runs the one with most work; not drawn: 1 whose" in drawn.get_xlabel()
    plt.close(figure)


def test_lost_times_are_said_and_not_drawn() -> None:
    figure = cost(data(TWO_RUNS.assign(end=np.nan)))
    drawn, bars = figure.axes
    assert "No job says when it ran" in drawn.texts[0].get_text()
    assert not drawn.collections
    assert len(bars.patches)
    plt.close(figure)
    with pytest.raises(InputError, match="no benchmark files"):
        cost(data(TWO_RUNS[:0]))


@pytest.mark.parametrize(("jobs", "cores"), [(1, 1), (200, 2), (400, 64)])
def test_a_run_of_any_size_stays_inside_the_figure(jobs: int, cores: int) -> None:
    with plt.style.context(STYLE):
        figure = cost(data(many_jobs(jobs, cores)))
        figure.draw_without_rendering()
        drawn = figure.get_tightbbox()
        plt.close(figure)
    width, height = figure.get_size_inches()
    assert min(drawn.x0, drawn.y0, width - drawn.x1, height - drawn.y1) > -0.01
    assert height < 9
