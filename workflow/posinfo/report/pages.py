"""Pages of the report: the Markdown of tables and claims as HTML, and what the run was made from."""

import html
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

from markdown_it import MarkdownIt

from posinfo.images.duplicates import count_alike, count_equal, perceptual_hashes
from posinfo.store.files import read_json, write_text

STYLE = """
body { font: 14px/1.45 sans-serif; margin: 1.5em; color: #222; max-width: 75em; }
table { border-collapse: collapse; margin: 0 0 1em; font-variant-numeric: tabular-nums; }
th, td { padding: .2em .7em; text-align: left; white-space: nowrap; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #888; }
code { font-size: 12px; }
"""
PACKAGES = ("snakemake", "torch", "torchvision", "numpy", "pandas", "matplotlib")


def write_page(path: Path, title: str, markdown: str) -> None:
    """Write Markdown as one HTML page, whole or not at all."""
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    body = f"<h1>{html.escape(title)}</h1>\n" + MarkdownIt("commonmark", {"html": False}).enable("table").render(
        markdown
    )
    write_text(path, f"<!DOCTYPE html>\n<html><head>{head}</head><body>\n{body}\n</body></html>\n")


def provenance(sidecars: Sequence[Path], titles: Mapping[str, str]) -> str:
    """Markdown: versions, and a row per encoder with the digests of its weights, images and code.

    Args:
        sidecars: features.json files, one per encoder.
        titles: encoder name to what it is.
    """
    lines = ["| package | version |", "|---|---|", f"| python | {platform.python_version()} |"]
    lines += [f"| {package} | {version(package)} |" for package in PACKAGES]
    columns = ("encoder", "what it is", "weights (sha256)", "images (sha256)", "code", "device", "seconds")
    lines += ["", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for path in sidecars:
        metadata = read_json(path)
        encoder = str(metadata["encoder"])
        weights = str(metadata["weights_sha256"] or "none")[:16]
        images = str(metadata["images_sha256"])[:16]
        cells = [
            encoder,
            titles[encoder],
            f"`{weights}`",
            f"`{images}`",
            f"`{metadata['code']}`",
            str(metadata["device"]),
            f"{metadata['seconds']:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Digests are the first 16 hex digits; seconds are those of one forward pass over the natural images."]
    return "\n".join(lines)


def image_sets(images: Sequence[Path], masks: Sequence[Path]) -> str:
    """Markdown: pictures that a run's sets hold twice or share with each other, and masks that show no object.

    Args:
        images: .npy files of sets, those that are learned from first.
        masks: sidecars of their ground-truth masks, for the sets that have them.
    """
    empty = {path.stem: read_json(path) for path in masks}
    hashes = {path.stem: perceptual_hashes(path) for path in images}
    lines = ["| images | photographs | equal to another | empty masks |", "|---" * 4 + "|"]
    for path in images:
        name = path.stem
        shown = f"{empty[name]['empty']} of {empty[name]['count']}" if name in empty else ""
        lines.append(f"| {name} | {len(hashes[name])} | {count_equal(path)} | {shown} |")
    lines.append("")
    for earlier, later in combinations(hashes, 2):
        alike = count_alike(hashes[later], hashes[earlier])
        lines.append(f"- {alike} pictures of {later} look like pictures of {earlier}.")
    return "\n".join(lines)
