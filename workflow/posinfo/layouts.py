"""Tables as the paper prints them, ours above theirs, in Markdown and LaTeX, with a caption that says what was used."""

from pathlib import Path

import pandas as pd

from posinfo.cells import Table
from posinfo.files import write_text
from posinfo.tables import CONSTANT


def layout(joined: pd.DataFrame, table: Table) -> pd.DataFrame:
    """A row per `table.down`, SPC and MAE per `table.across`; with published numbers a second row below each.

    Args:
        joined: as `tables.beside_published` returns it.

    Returns:
        Strings; columns are pairs (group, name).
    """
    rows = []
    for labels, group in joined.groupby(list(table.down), sort=False):
        names = {("", name): str(label) for name, label in zip(table.down, labels, strict=True)}
        ours, theirs = dict(names), dict.fromkeys(names, "")
        if table.published:
            encoders = group["encoder"].unique()
            one = encoders[0] if len(encoders) == 1 else ""
            ours["", "from"], theirs["", "from"] = f"ours {one}".strip(), "paper"
        for row in group.to_dict("records"):
            kind = str(row[table.across])
            for name, key in (("SPC", "spc"), ("MAE", "mae")):
                ours[kind, name] = with_sd(row[key], row[f"{key}_sd"])
                theirs[kind, name] = three_decimals(row[f"published_{key}"])
        if "seconds" in group:
            seconds = group["seconds"].iloc[0]
            ours["", "seconds"] = "" if pd.isna(seconds) else f"{seconds:.0f}"
        rows += [ours, theirs] if group["published_spc"].notna().any() else [ours]
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


def caption(
    joined: pd.DataFrame, table: Table, titles: dict[str, str], images: dict[str, str], settings: dict[str, object]
) -> str:
    """What the table really shows: encoders, images, how many, settings, and how constant predictions were counted.

    Args:
        titles: encoder name to what it is.
        images: role to the set of images that plays it.
        settings: of the readout, by name, as they should be read.
    """
    real = joined[joined["encoder"] != CONSTANT]
    used = "; ".join(f"{name}: {titles[name]}" for name in real["encoder"].unique())
    sizes = real.drop_duplicates("images").set_index("images")["n_images"]
    sets = ", ".join(f"{role} ({images[str(role)]}, n = {count})" for role, count in sizes.items())
    said = ", ".join(f"{name} {value}" for name, value in settings.items())
    sentences = [
        f"{table.about}. Encoders: {used}. Images: {sets}. Settings: {said}.",
        f"Ours: mean ± standard deviation over {real['n_seeds'].iloc[0]} seeds of the readout.",
        "Below it what the paper printed, for its own encoders, on PASCAL-S and its synthetic images."
        if table.published
        else "",
        f"{int(real['n_constant'].sum())} predictions were constant and count as SPC 0.",
        table.note,
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def write_layout(printed: pd.DataFrame, text: str, label: str, markdown: Path, latex: Path) -> None:
    """Write the layout as a Markdown table and as a LaTeX table (booktabs), each with its caption."""
    flat = printed.copy()
    flat.columns = [" ".join(part for part in column if part) for column in printed.columns]
    write_text(markdown, f"{flat.to_markdown(index=False, disable_numparse=True)}\n\n{text}\n")
    escaped = printed.map(_tex)
    escaped.columns = pd.MultiIndex.from_tuples([tuple(_tex(part) for part in column) for column in printed.columns])
    tex = escaped.to_latex(index=False, escape=False, caption=_tex(text), label=label, multicolumn_format="c")
    write_text(latex, tex)


def _tex(text: str) -> str:
    for character, command in (("\\", r"\textbackslash{}"), ("_", r"\_"), ("%", r"\%"), ("&", r"\&"), ("±", r"$\pm$")):
        text = text.replace(character, command)
    return text
