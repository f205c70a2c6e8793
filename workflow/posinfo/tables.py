"""Tables: scores collected cell by cell beside the paper's numbers; csv for programs, md and tex for people."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from posinfo.cells import Cell
from posinfo.errors import InputError
from posinfo.files import write_text, written_whole
from posinfo.scores import COLUMNS

PUBLISHED_IMAGES = {"PASCAL-S": "natural"}  # the paper's name for its natural test images
TABLE1_COLUMNS = [
    *("pattern", "encoder", "images", "n_images", "n_seeds", "spc", "spc_sd", "mae", "mae_sd", "n_constant"),
    *("published_model", "published_spc", "published_mae"),
]


def read_scores(paths: Sequence[Path]) -> pd.DataFrame:
    """All score files as one frame; encoder, readout and images come from each path, `.../encoder/readout/images.csv`.

    Raises:
        InputError: when a file lacks a column or holds a value that is no number.
    """
    frames = []
    for path in paths:
        frame = pd.read_csv(path)
        if list(frame.columns) != list(COLUMNS):
            raise InputError(
                f"{path} has the columns {list(frame.columns)}, expected {list(COLUMNS)}; delete it and run again"
            )
        if frame[["spc", "mae"]].isna().to_numpy().any():
            raise InputError(f"{path} holds a score that is no number; delete it and run again")
        encoder, readout = path.parts[-3:-1]
        frames.append(frame.assign(encoder=encoder, readout=readout, images=path.stem))
    return pd.concat(frames, ignore_index=True)


def summarise(scores: pd.DataFrame, cells: Sequence[Cell]) -> pd.DataFrame:
    """One row per cell: mean over images and seeds, standard deviation over seeds (of each seed's mean over images).

    Columns: pattern, encoder, readout, images (the role), n_images, n_seeds, spc, spc_sd, mae, mae_sd, n_constant,
    model. `n_constant` counts the predictions (images x seeds) that were constant and therefore scored SPC 0. With one
    seed there is no standard deviation, and its columns are empty.

    Raises:
        InputError: when a cell has no scores, or not every seed has every image once.
    """
    groups = dict(list(scores.groupby(["encoder", "readout", "pattern", "images"])))
    rows = []
    for cell in cells:
        key = (cell.encoder, cell.readout.name, cell.pattern, cell.images)
        if key not in groups:
            raise InputError(f"no scores for {' / '.join(key)}: the table would have a hole")
        group = groups[key]
        grid = group.groupby(["image", "seed"]).size().unstack(fill_value=0)
        if not (grid == 1).to_numpy().all():
            raise InputError(f"{' / '.join(key)}: not every seed has every image once")
        by_seed = group.groupby("seed")[["spc", "mae"]].mean()
        spread = by_seed.std(ddof=1)
        rows.append(
            {
                "pattern": cell.pattern,
                "encoder": cell.encoder,
                "readout": cell.readout.name,
                "images": cell.role,
                "n_images": group["image"].nunique(),
                "n_seeds": len(by_seed),
                "spc": by_seed["spc"].mean(),
                "spc_sd": spread["spc"],
                "mae": by_seed["mae"].mean(),
                "mae_sd": spread["mae"],
                "n_constant": int(group["constant"].sum()),
                "model": cell.model,
            }
        )
    return pd.DataFrame(rows)


def beside_published(summary: pd.DataFrame, published: Path) -> pd.DataFrame:
    """Add `published_model`, `published_spc` and `published_mae` from the paper's Table 1, matched by cell.

    Raises:
        InputError: when the paper's table lacks a cell.
    """
    printed = pd.read_csv(published).rename(columns={"spc": "published_spc", "mae": "published_mae"})
    printed["images"] = printed["images"].replace(PUBLISHED_IMAGES)
    joined = summary.merge(printed, on=["pattern", "model", "images"], how="left", validate="one_to_one")
    if joined["published_spc"].isna().any():
        raise InputError(f"{published} lacks some of the table's cells")
    return joined.rename(columns={"model": "published_model"})


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write the tidy table with six decimals, whole or not at all."""
    with written_whole(path) as partial:
        table.to_csv(partial, index=False, float_format="%.6f")


def table1_layout(table: pd.DataFrame) -> pd.DataFrame:
    """As the paper prints Table 1: a row per pattern and model, SPC and MAE per kind of images; ours above theirs."""
    rows = []
    for (pattern, encoder), group in table.groupby(["pattern", "encoder"], sort=False):
        model = group["published_model"].iloc[0]
        ours = {("", "pattern"): pattern, ("", "model"): f"{encoder} (ours)"}
        theirs = {("", "pattern"): "", ("", "model"): f"{model} (paper)"}
        for row in group.to_dict("records"):
            kind = str(row["images"])
            ours |= {(kind, name): with_sd(row[name.lower()], row[f"{name.lower()}_sd"]) for name in ("SPC", "MAE")}
            theirs |= {(kind, name): three_decimals(row[f"published_{name.lower()}"]) for name in ("SPC", "MAE")}
        rows += [ours, theirs]
    frame = pd.DataFrame(rows)
    frame.columns = pd.MultiIndex.from_tuples([tuple(column) for column in frame.columns])
    return frame


def three_decimals(value: float) -> str:
    """As the paper prints numbers: three decimals, no leading zero."""
    text = f"{value:.3f}".replace("0.", ".", 1)
    return ".000" if text == "-.000" else text


def with_sd(value: float, sd: float) -> str:
    """`.123 ± .045`, or the value alone where there is no standard deviation."""
    return three_decimals(value) if pd.isna(sd) else f"{three_decimals(value)} ± {three_decimals(sd)}"


def caption_of_table1(table: pd.DataFrame, titles: dict[str, str], images: dict[str, str], definition: str) -> str:
    """What the table really shows: encoders, images, how many, and where constant predictions were counted as 0."""
    used = "; ".join(f"{name}: {titles[name]}" for name in table["encoder"].unique())
    sizes = table.drop_duplicates("images").set_index("images")["n_images"]
    sets = ", ".join(f"{role} ({images[str(role)]}, n = {count})" for role, count in sizes.items())
    constant = int(table["n_constant"].sum())
    return (
        f"Position read out of {used}. Images: {sets}. Ground truth as {definition}. Ours: mean ± standard deviation "
        f"over {table['n_seeds'].iloc[0]} seeds; below it what the paper printed for its model on PASCAL-S and its "
        f"synthetic images. {constant} predictions were constant and count as SPC 0."
    )


def write_layout(layout: pd.DataFrame, caption: str, label: str, markdown: Path, latex: Path) -> None:
    """Write the layout as a Markdown table and as a LaTeX table (booktabs), each with its caption."""
    flat = layout.copy()
    flat.columns = [" ".join(part for part in column if part) for column in layout.columns]
    write_text(markdown, f"{flat.to_markdown(index=False)}\n\n{caption}\n")
    escaped = layout.map(lambda text: text.replace("±", r"$\pm$"))
    tex = escaped.to_latex(index=False, escape=False, caption=_tex(caption), label=label, multicolumn_format="c")
    write_text(latex, tex)


def _tex(text: str) -> str:
    for character, command in (("\\", r"\textbackslash{}"), ("_", r"\_"), ("%", r"\%"), ("&", r"\&"), ("±", r"$\pm$")):
        text = text.replace(character, command)
    return text
