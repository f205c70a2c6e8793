"""Tables for people: numbers as the paper prints them, Markdown and LaTeX."""

import re
import unicodedata
from pathlib import Path

import pandas as pd

from posinfo.store.files import write_text
from posinfo.store.frames import write_csv
from posinfo.tables.built import BuiltTable

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    # Signs that OT1, the encoding of LaTeX's default fonts, shows as others.
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # An argument of the end of a row, where they begin the next one.
    "[": "{[}",
    "*": "{*}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "$-$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "→": r"$\to$",
    "µ": r"$\mu$",
    "°": r"$^\circ$",
    "²": r"$^2$",
    "³": r"$^3$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "’": "'",
    "“": "``",
    "”": "''",
}
GREEK = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ"  # letters that LaTeX has commands for
ACCENTS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"  # accents that OT1 can set


def said_once(frame: pd.DataFrame, columns: int) -> pd.DataFrame:
    """The first columns without the labels that stand in the row above too, as printed tables have them."""
    shown = frame.copy()
    same = pd.Series(data=True, index=frame.index)
    for column in frame.columns[:columns]:
        same &= frame[column] == frame[column].shift()
        shown[column] = frame[column].mask(same, "")
    return shown


def three_decimals(value: float) -> str:
    """As the paper prints numbers: three decimals, no leading zero."""
    text = re.sub("^(-?)0", r"\1", f"{value:.3f}")
    return ".000" if text == "-.000" else text


def with_sd(value: float, sd: float) -> str:
    """`.123 ± .045`, or the value alone where there is no standard deviation."""
    return three_decimals(value) if pd.isna(sd) else f"{three_decimals(value)} ± {three_decimals(sd)}"


def with_interval(value: float, sd: float, low: float, high: float) -> str:
    """`.123 ± .045 [.100, .150]`, without the interval where there is none."""
    return with_sd(value, sd) + ("" if pd.isna(low) else f" [{three_decimals(low)}, {three_decimals(high)}]")


def write_table(table: BuiltTable, name: str, output: Path) -> None:
    """Write `output` with the suffixes .csv (tidy), .md and .tex (laid out).

    Args:
        name: of the table, for LaTeX's label.
    """
    write_csv(table.tidy, output.with_suffix(".csv"))
    write_text(output.with_suffix(".md"), markdown(table))
    write_text(output.with_suffix(".tex"), latex(table, name))


def markdown(table: BuiltTable) -> str:
    """The table as Markdown: SPC above MAE, so that rows fit a screen; then the caption and what the encoders are."""
    metrics = table.layout.columns.get_level_values(1)
    blocks = []
    for metric in [name for name in metrics.unique() if name] or [""]:
        part = table.layout.loc[:, metrics.isin(["", metric])].droplevel(1, axis=1)
        if metric:
            blocks.append(f"**{metric}**")
        blocks.append(part.to_markdown(index=False, disable_numparse=True))
    blocks.append(table.caption)
    if table.titles:
        known = pd.DataFrame({"encoder": list(table.titles), "what it is": list(table.titles.values())})
        blocks.append(known.to_markdown(index=False, disable_numparse=True))
    return "\n\n".join(blocks) + "\n"


def latex(table: BuiltTable, name: str) -> str:
    """A LaTeX table for the package booktabs."""
    escaped = table.layout.map(escape_latex)
    columns = [tuple(escape_latex(part) for part in column) for column in table.layout.columns]
    escaped.columns = pd.MultiIndex.from_tuples(columns)
    text = escaped.to_latex(
        index=False, escape=False, caption=escape_latex(table.caption), label=f"tab:{name}", multicolumn_format="c"
    )
    if table.titles:
        listed = escape_latex("; ".join(f"{encoder}: {title}" for encoder, title in table.titles.items()))
        text = text.replace("\\end{table}", f"\\par\\footnotesize {listed}.\n\\end{{table}}")
    return text


def escape_latex(text: str) -> str:
    """The text, in one line, as LaTeX prints it.

    Special characters and Greek letters are commands, and letters with an accent stay. pdfTeX prints the code of any
    other character; XeTeX and LuaTeX print the character.
    """
    line = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(LATEX.get(character) or _latex(character) for character in line if character.isprintable())


def _latex(character: str) -> str:
    """A character that is not special."""
    if character in GREEK:
        name = unicodedata.name(character).split()[-1].replace("LAMDA", "LAMBDA").lower()
        return rf"$\{name.capitalize() if character.isupper() else name}$"
    parts = unicodedata.normalize("NFD", character)
    if parts[0].isascii() and set(parts[1:]) <= set(ACCENTS) and ord(character) < 0x180:
        return character
    return rf"\ifdefined\Umathchar {character}\else[U+{ord(character):04X}]\fi{{}}"
