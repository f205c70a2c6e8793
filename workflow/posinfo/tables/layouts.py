"""Tables as the paper prints them, its numbers beside ours, in Markdown and LaTeX, with a caption of what was used."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from posinfo.run.tables import Table
from posinfo.store.files import write_text
from posinfo.tables.summaries import CONSTANT


def layout(joined: pd.DataFrame, table: Table) -> pd.DataFrame:
    """A row per `table.down`, SPC and MAE per `table.across`; the paper's number in brackets behind ours.

    Args:
        joined: as `summaries.beside_published` returns it.

    Returns:
        Strings; columns are pairs (name, metric), the metric empty for what names a row.
    """
    rows = []
    for labels, group in joined.groupby(list(table.down), sort=False):
        row = {(name, ""): str(label) for name, label in zip(table.down, labels, strict=True)}
        if table.published:
            encoders = group["encoder"].unique()
            row["encoder", ""] = encoders[0] if len(encoders) == 1 else ""
        for cell in group.to_dict("records"):
            for name, key in (("SPC", "spc"), ("MAE", "mae")):
                told = cell[f"published_{key}"]
                beside = "" if pd.isna(told) else f" ({three_decimals(told)})"
                row[str(cell[table.across]), name] = with_sd(cell[key], cell[f"{key}_sd"]) + beside
        if "seconds" in group:
            seconds = group["seconds"].iloc[0]
            row["seconds", ""] = "" if pd.isna(seconds) else f"{seconds:.0f}"
        rows.append(row)
    frame = pd.DataFrame(rows)
    frame.columns = pd.MultiIndex.from_tuples([tuple(column) for column in frame.columns])
    return said_once(frame, len(table.down) - 1)


def said_once(frame: pd.DataFrame, columns: int) -> pd.DataFrame:
    """The first columns without the labels that stand in the row above too, as printed tables have them."""
    shown, same = frame.copy(), pd.Series(data=True, index=frame.index)
    for column in frame.columns[:columns]:
        same &= frame[column] == frame[column].shift()
        shown[column] = frame[column].mask(same, "")
    return shown


def three_decimals(value: float) -> str:
    """As the paper prints numbers: three decimals, no leading zero."""
    text = f"{value:.3f}".replace("0.", ".", 1)
    return ".000" if text == "-.000" else text


def with_sd(value: float, sd: float) -> str:
    """`.123 ± .045`, or the value alone where there is no standard deviation."""
    return three_decimals(value) if pd.isna(sd) else f"{three_decimals(value)} ± {three_decimals(sd)}"


def caption(joined: pd.DataFrame, table: Table, images: dict[str, str], settings: dict[str, object]) -> str:
    """What the table really shows, in at most about 60 words: pictures, seeds, settings, constant predictions.

    What every table shares stands on the page of results, and what the encoders are in a list below the table.

    Args:
        images: role to the set of images that plays it.
        settings: of the readout, by name, as they should be read.
    """
    real = joined[joined["encoder"] != CONSTANT]
    sizes = real.drop_duplicates("images").set_index("images")["n_images"]
    named = {role: f" {images[str(role)]}" if images[str(role)] != role else "" for role in sizes.index}
    sets = ", ".join(f"{role}{named[role]} (n={count})" for role, count in sizes.items())
    said = ", ".join(f"{name} {value}" for name, value in settings.items())
    constant = int(real["n_constant"].sum())
    beside = ", in brackets the paper" if table.published else ""
    sentences = [
        f"{table.about}: mean ± sd over {real['n_seeds'].iloc[0]} seeds{beside}.",
        f"Pictures: {sets}; {said}.",
        f"Constant predictions, counted as SPC 0: {constant}." if constant else "",
        table.note,
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def write_layout(
    printed: pd.DataFrame, text: str, encoders: Mapping[str, str], label: str, markdown: Path, latex: Path
) -> None:
    """Write the layout as Markdown, SPC and MAE below each other as a screen is wide, and as LaTeX (booktabs).

    Args:
        printed: columns are pairs (name, metric); without metrics the table stays one.
        text: the caption.
        encoders: name to what it is, for the list below the table.
    """
    of = printed.columns.get_level_values(1)
    blocks = []
    for metric in [name for name in of.unique() if name] or [""]:
        part = printed.loc[:, of.isin(["", metric])].droplevel(1, axis=1)
        blocks += [f"**{metric}**"] * bool(metric) + [part.to_markdown(index=False, disable_numparse=True)]
    blocks.append(text)
    if encoders:
        known = pd.DataFrame({"encoder": list(encoders), "what it is": list(encoders.values())})
        blocks.append(known.to_markdown(index=False, disable_numparse=True))
    write_text(markdown, "\n\n".join(blocks) + "\n")
    escaped = printed.map(_tex)
    escaped.columns = pd.MultiIndex.from_tuples([tuple(_tex(part) for part in column) for column in printed.columns])
    tex = escaped.to_latex(index=False, escape=False, caption=_tex(text), label=label, multicolumn_format="c")
    if encoders:
        listed = _tex("; ".join(f"{name}: {what}" for name, what in encoders.items()))
        tex = tex.replace("\\end{table}", f"\\par\\footnotesize {listed}.\n\\end{{table}}")
    write_text(latex, tex)


def _tex(text: str) -> str:
    for character, command in (("\\", r"\textbackslash{}"), ("_", r"\_"), ("%", r"\%"), ("&", r"\&"), ("±", r"$\pm$")):
        text = text.replace(character, command)
    return text
