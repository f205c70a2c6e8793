"""The page of a run in one file: what was run, its tables, claims and figures with captions, and how they were made."""

import base64
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from posinfo.images.duplicates import count_alike, count_equal, perceptual_hashes
from posinfo.run import shown
from posinfo.run.config import RunConfig
from posinfo.run.tables import legend
from posinfo.store.files import read_json, write_text
from posinfo.store.tensors import read_tensors

TEMPLATE = Path(__file__).parent / "page.html"
PACKAGES = ("snakemake", "torch", "torchvision", "numpy", "pandas", "matplotlib")
OUTCOMES = ("holds", "fails", "undecided")
DEFINITIONS = {"paper": "the paper's, stripes from -1 to 1", "released": "the released code's, every map from 0 to 1"}
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")  # tags in names and titles stay text


def html(markdown: str) -> Markup:
    """Markdown as HTML; tags in it are shown as text."""
    return Markup(MARKDOWN.render(markdown))


def write_page(content: Mapping[str, Any], path: Path) -> None:
    """Write the page, whole or not at all.

    Args:
        content: as `page_content` returns it.
    """
    environment = Environment(loader=FileSystemLoader(TEMPLATE.parent), autoescape=True, undefined=StrictUndefined)
    write_text(path, environment.get_template(TEMPLATE.name).render(content))


def page_content(
    run: RunConfig,
    settings: str,
    results: Path,
    readouts: Sequence[Path],
    images: Sequence[Path],
    masks: Sequence[Path],
) -> dict[str, Any]:
    """What the template shows; every file is read from the folder of results.

    Args:
        run: the config.
        settings: its sections as JSON, to be printed.
        results: folder with tables/, figures/ and, if the run has claims, claims.csv.
        readouts: folders of readouts, one for each encoder.
        images: .npy files of the sets of photographs, those that are learned from first.
        masks: sidecars of their ground-truth masks, for the sets that have them.
    """
    captions = shown.captions(run)
    tables = [
        {
            "name": name,
            "title": table.about,
            "caption": html(captions.get(name, "")),
            "body": html((results / f"tables/{name}.md").read_text(encoding="utf-8")),
            "files": [f"tables/{name}.{suffix}" for suffix in ("csv", "md", "tex")],
        }
        for name, table in shown.tables(run).items()
    ]
    figures = [
        {
            "name": name,
            "title": figure.title,
            "caption": html(captions.get(name, "")),
            "image": _png(results / f"figures/{name}.png"),
            "files": [f"figures/{name}.{suffix}" for suffix in ("pdf", "png")],
        }
        for name, figure in shown.figures(run).items()
    ]
    claims = judged(results / "claims.csv") if shown.claim_files(run) else []
    return {
        "setup": _setup(run, [folder.parent.name for folder in readouts]),
        "legend": legend(),
        "tables": tables,
        "claims": claims,
        "captions": {name: html(captions[name]) for name in ("claims", "run")},
        "outcomes": {outcome: sum(claim["outcome"] == outcome for claim in claims) for outcome in OUTCOMES},
        "figures": figures,
        "pages": [str(Path(page).relative_to(run.results)) for page in shown.targets(run)],
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
        "encoders": provenance(readouts, run),
        **image_sets(images, masks),
        "settings": yaml.safe_dump(json.loads(settings), sort_keys=False, allow_unicode=True, width=100),
    }


def _setup(run: RunConfig, encoders: Iterable[str]) -> dict[str, str]:
    """What was run, in words."""
    return {
        "Encoders": "; ".join(dict.fromkeys(run.titles(encoders).values())),
        "Readouts are trained on": run.images.train,
        "and tested on": run.images.natural,
        "Seeds": f"{len(run.seeds)}: {', '.join(map(str, run.seeds))}",
        "Training": f"{run.training.epochs} epochs",
        "Ground truth": DEFINITIONS[run.patterns],
    }


def judged(claims: Path) -> list[dict[str, Any]]:
    """Each claim of claims.csv with its outcome and its comparisons, in the order of the file."""
    found = []
    for says, rows in pd.read_csv(claims).groupby("says", sort=False):
        outcomes = rows["comparison_outcome"]
        claim = {"says": says, "by": rows["by"].iloc[0], "outcome": rows["outcome"].iloc[0]}
        counts = {"held": int((outcomes == "holds").sum()), "count": len(rows)}
        found.append({**claim, **counts, "comparisons": rows.to_dict("records")})
    return found


def provenance(readouts: Iterable[Path], run: RunConfig) -> list[dict[str, str]]:
    """What each encoder is, and digests (16 hex digits) of its weights and of the code of features and readouts."""
    rows = []
    for folder in readouts:
        _, metadata = read_tensors(min(folder.glob("*.safetensors")))
        encoder = str(metadata["encoder"])
        rows.append(
            {
                "encoder": encoder,
                "what it is": run.titles([encoder])[encoder],
                "weights": str(metadata["weights_sha256"] or "none")[:16],
                "code of features": str(metadata["features_code"]),
                "code of readouts": str(metadata["code"]),
            }
        )
    return rows


def image_sets(images: Sequence[Path], masks: Sequence[Path]) -> dict[str, Any]:
    """What the sets of images hold twice, and share with each other, and masks that show no object.

    Returns:
        `image_sets`, a row for each set, and `overlaps`, a sentence for each pair of sets.
    """
    empty = {path.stem: read_json(path) for path in masks}
    hashes = {path.stem: perceptual_hashes(path) for path in images}
    rows = []
    for path in images:
        name = path.stem
        shown_empty = f"{empty[name]['empty']} of {empty[name]['count']}" if name in empty else "no masks"
        counts = {"photographs": len(hashes[name]), "equal to another": count_equal(path), "empty masks": shown_empty}
        rows.append({"images": name, **counts})
    overlaps = []
    for earlier, later in combinations(hashes, 2):
        alike = count_alike(hashes[later], hashes[earlier])
        overlaps.append(f"{alike} images of {later} look like images of {earlier}.")
    return {"image_sets": rows, "overlaps": overlaps}


def _png(path: Path) -> str:
    """An image as a URL that holds it."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
