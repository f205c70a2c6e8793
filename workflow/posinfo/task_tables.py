"""Tables 5a and 5b: how well encoders trained with and without padding do their task, beside the paper's numbers."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from posinfo.layouts import three_decimals
from posinfo.sidecars import verified
from posinfo.tasks import Recipe, TaskTable

OURS, PAPER = "ours", "paper"


def rows(table: TaskTable, epochs: Mapping[str, Path], recipe: Recipe, images: str, published: Path) -> pd.DataFrame:
    """One row for each of our encoders and each row of the paper's table.

    Columns: model, from (ours, paper), encoder, images, n_images, the table's metrics, chance. Ours are those of the
    last epoch; what the paper does not print is empty.

    Args:
        epochs: model to `{encoder}.epochs.csv`.
        images: the set of held-out photographs that the test pictures are composed of.
        published: folder of the published tables.

    Raises:
        InputError: when a file is not what its sidecar vouches for.
    """
    printed = pd.read_csv(published / table.published)
    found: list[dict[str, object]] = []
    for model, path in epochs.items():
        story = verified(path)
        last = pd.read_csv(path).iloc[-1]
        own = {"model": model, "from": OURS, "encoder": story["encoder"], "images": f"compositions of {images}"}
        measured = {name: float(last[name]) for name in (*table.metrics, "chance")}
        found.append({**own, "n_images": recipe.tests, **measured})
        for row in printed[printed["model"] == model].to_dict("records"):
            values = {name: row[theirs] / table.unit for name, theirs in table.metrics.items() if theirs}
            found.append({"model": model, "from": PAPER, "images": row["images"], **values})
    return pd.DataFrame(found)


def layout(made: pd.DataFrame, table: TaskTable) -> pd.DataFrame:
    """The rows as printed: strings, three decimals, empty where there is no number."""
    shown = made[["model", "from", "images"]].astype(str)
    for name in (*table.metrics, "chance"):
        shown[name] = [three_decimals(value) if pd.notna(value) else "" for value in made[name]]
    shown.columns = pd.MultiIndex.from_tuples([("", column) for column in shown.columns])
    return shown


def caption(made: pd.DataFrame, table: TaskTable, titles: Mapping[str, str], recipe: Recipe) -> str:
    """What the table really shows, and that the recipe is ours."""
    ours = made[made["from"] == OURS]
    used = "; ".join(f"{name}: {titles[name]}" for name in ours["encoder"])
    return (
        f"{table.about}. Encoders: {used}. Ours: n = {recipe.tests} pictures, textured shapes on photographs of "
        f"{ours['images'].iloc[0].removeprefix('compositions of ')}, none of whose photographs was trained on; one "
        f"training each, {recipe.epochs} epochs of {recipe.pictures} pictures. The paper prints no recipe: this one is "
        "ours, and so are the pictures. Scores of all stages, also of those without padding, are enlarged to the whole "
        "picture. Rows named paper: what it printed, for its own encoders on the sets named there. "
        f"{table.note}"
    )
