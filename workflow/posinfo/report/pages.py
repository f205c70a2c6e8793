"""Pages of the report: the Markdown of tables and claims as HTML, and what the run was made from."""

import html
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from posinfo.store.files import read_json, write_text

STYLE = """
body { font: 14px/1.45 sans-serif; margin: 1.5em; color: #222; max-width: 75em; }
table { border-collapse: collapse; margin: 0 0 1em; font-variant-numeric: tabular-nums; }
th, td { padding: .2em .7em; text-align: left; white-space: nowrap; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #888; }
code { font-size: 12px; }
"""
PACKAGES = ("snakemake", "torch", "torchvision", "numpy", "pandas", "matplotlib")


def page(title: str, markdown: str) -> str:
    """A whole HTML page of Markdown that holds pipe tables, paragraphs, `**bold**` and `*slanted*` text; no more."""
    blocks: list[str] = []
    for block in re.split(r"\n\s*\n", markdown.strip()):
        lines = block.splitlines()
        blocks.append(_table(lines) if lines[0].startswith("|") else f"<p>{_inline(' '.join(lines))}</p>")
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    body = f"<h1>{html.escape(title)}</h1>\n" + "\n".join(blocks)
    return f"<!DOCTYPE html>\n<html><head>{head}</head><body>\n{body}\n</body></html>\n"


def _table(lines: Sequence[str]) -> str:
    first, _, *others = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    head = "".join(f"<th>{_inline(cell)}</th>" for cell in first)
    rows = "\n".join("<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>" for row in others)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"


def _inline(text: str) -> str:
    text = html.escape(text, quote=False)
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    text = re.sub(r"\*(.+?)\*", r"<i>\1</i>", text)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", text)


def made_from(sidecars: Sequence[Path], titles: dict[str, str]) -> str:
    """Markdown: versions, and a row per encoder with the digests of its weights, pictures and code.

    Args:
        sidecars: one per encoder, of a stage of its features.
        titles: encoder name to what it is.
    """
    lines = ["| package | version |", "|---|---|", f"| python | {platform.python_version()} |"]
    lines += [f"| {package} | {version(package)} |" for package in PACKAGES]
    columns = ("encoder", "what it is", "weights (sha256)", "pictures (sha256)", "code", "device", "seconds")
    lines += ["", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for path in sidecars:
        metadata = read_json(path)
        weights = str(metadata["weights_sha256"] or "none")[:16]
        digests = f"`{weights}` | `{str(metadata['images_sha256'])[:16]}` | `{metadata['code']}`"
        encoder = str(metadata["encoder"])
        lines.append(
            f"| {encoder} | {titles[encoder]} | {digests} | {metadata['device']} | {metadata['seconds']:.1f} |"
        )
    lines += ["", "Digests are the first 16 hex digits; seconds are those of one forward pass over the natural images."]
    return "\n".join(lines)


def write_page(path: Path, title: str, markdown: str) -> None:
    """Write one page, whole or not at all."""
    write_text(path, page(title, markdown))
