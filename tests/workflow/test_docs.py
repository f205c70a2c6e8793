"""The pages are real: each command plans or runs, each link, make target and file exists, each source is listed."""

import json
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import forked
import pandas as pd
import pytest
import timm
import torch
import torchvision
from conftest import ROOT, Workflow
from PIL import Image
from posinfo.__main__ import main
from posinfo.encoders.taps import zoo_entry
from posinfo.protocol.readout import Training
from posinfo.registry import catalogue, entries
from posinfo.run.experiments import NAMES
from safetensors.torch import save_file

DOCS = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*.md"))]
EXPERIMENTS = [f"workflow/posinfo/experiments/{name}/README.md" for name in NAMES]
PAGES = {name: (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", *DOCS, *EXPERIMENTS)}
OTHERS = ("workflow/README.md", "workflow/profiles/README.md")
LINKED = {**PAGES, **{name: (ROOT / name).read_text() for name in OTHERS}}
Words = tuple[str, ...]

FENCED = [part for text in PAGES.values() for part in re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.DOTALL | re.M)]
LINES = [shlex.split(line, comments=True) for kind, block in FENCED if kind == "bash" for line in block.splitlines()]
AS_SNAKEMAKE = [["snakemake", *words[2:]] if words[:2] == ["posinfo", "run"] else words for words in LINES]
COMMANDS = list(dict.fromkeys(tuple(words) for words in AS_SNAKEMAKE if words))  # each once, on however many pages
SNAKEMAKE, POSINFO, MAKE = ([words for words in COMMANDS if words[0] == of] for of in ("snakemake", "posinfo", "make"))
# What no test can run: it makes or enters an environment.
UNCHECKED = {
    "source .venv/bin/activate",
    "conda env create -f envs/posinfo.yaml",
    "conda activate posinfo",
    "pip install --no-deps -e .",
}


def parted(words: Words) -> tuple[Words, Words]:
    """The targets of a snakemake command, and its options; the number of cores does not matter."""
    parts: list[list[str]] = [[]]  # the targets, then each option with its values
    for word in words[1:]:
        if word.startswith("--"):
            parts.append([word])
        elif parts[-1][:1] in (["--cores"], ["--profile"]) and len(parts[-1]) == 2:
            parts[0].append(word)  # these options have one value; others have all up to the next option
        else:
            parts[-1].append(word)
    options = sorted(["--cores", "2"] if part[0] == "--cores" else part for part in parts[1:])
    return tuple(parts[0]) or ("all",), tuple(word for part in options for word in part)


def dry_run(words: Words, place: Path) -> subprocess.CompletedProcess[str]:
    return forked.snakemake(*words, "--dry-run", folder=place)


@cache
def plan_together(options: Words, place: Path) -> bool:
    """Whether all commands with the same options plan as one, which takes the time of one."""
    targets = [target for words in SNAKEMAKE if parted(words)[1] == options for target in parted(words)[0]]
    return dry_run((*dict.fromkeys(targets), *options), place).returncode == 0


@pytest.fixture(scope="module")
def readers_clone(smoke: Workflow) -> Workflow:
    """A clone with what a reader would bring: photographs (here single colours) and a file of weights."""
    for number, folder in enumerate(("my/photographs", "my/test-photographs")):
        (smoke.source / folder).mkdir(parents=True)
        Image.new("RGB", (300, 200), (number, 0, 0)).save(smoke.source / folder / "one.png")
    (smoke.source / "my/resnet18.pth").touch()
    return smoke


@pytest.mark.parametrize("words", SNAKEMAKE, ids=" ".join)
def test_snakemake_commands_plan(words: Words, readers_clone: Workflow) -> None:
    if not plan_together(parted(words)[1], readers_clone.source):
        done = dry_run(words[1:], readers_clone.source)
        assert done.returncode == 0, done.stdout + done.stderr


PROBES = [words for words in POSINFO if words[1] == "probe"]


@pytest.mark.parametrize("words", [words for words in POSINFO if words not in PROBES], ids=" ".join)
def test_library_commands_run(words: Words) -> None:
    command = [str(Path(sys.executable).parent / "posinfo"), *words[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.fixture
def short_probes(resources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what a reader would bring, and weights as fetched; one epoch of a view of each photograph."""
    (tmp_path / "resources/archives").mkdir(parents=True)
    (tmp_path / "resources/packages").symlink_to(resources / "packages")
    for source in zoo_entry("timm/resnet26d")["sources"].values():
        save_file(timm.create_model("resnet26d").state_dict(), tmp_path / f"resources/archives/{source['file']}")
    (tmp_path / "my/photographs").mkdir(parents=True)
    for number in range(4):
        Image.new("RGB", (300, 200), (number, 0, 0)).save(tmp_path / f"my/photographs/{number}.png")
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "my/resnet18.pth")
    monkeypatch.setattr("posinfo.probing.probe.Training", lambda: Training(epochs=1))
    monkeypatch.setattr("posinfo.probing.probe.DRAWS", 1)
    monkeypatch.setattr("posinfo.probing.images.PACKAGED_VIEWS", {"train": 1, "test": 1})
    monkeypatch.setattr("posinfo.probing.images.IMAGES", {"train": 1, "test": 1})
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", PROBES, ids=" ".join)
def test_networks_are_probed_as_printed(words: Words, short_probes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(list(words[1:])) == 0
    printed = capsys.readouterr().out
    said = ("SPC: Spearman's correlation", "field: receptive field", "sees border: share of cells")
    assert all(part in printed for part in said)
    path = short_probes / "results/probe" / words[2].split("/")[-1]
    table = pd.read_csv(f"{path}.csv")
    assert set(table["weights"]) == {"given" if "--weights" in words else "trained", "random"}
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_the_notebook_runs_and_holds_a_table_and_a_figure(short_probes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = json.loads((ROOT / "docs/probe.ipynb").read_text())["cells"]
    kinds = [kind for cell in cells for output in cell.get("outputs", []) for kind in output["data"]]
    assert {"text/html", "image/png"} <= set(kinds)
    (short_probes / "docs").mkdir()
    monkeypatch.chdir(short_probes / "docs")
    found: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), found)
    assert set(found["scores"]["weights"]) == {"trained", "random"}


def test_the_number_read_in_pandas_is_that_of_the_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", PAGES["docs/results.md"], re.DOTALL)
    monkeypatch.chdir(ROOT)
    exec(lines, {})
    stages = PAGES["docs/results.md"].partition("## Table 3")[2]
    third = re.search(r"^\| H (?:\|[^|]+){2}\| ([.\d]+) ", stages, re.MULTILINE)
    assert third
    assert float(capsys.readouterr().out) == float(third[1])


def test_make_targets_exist() -> None:
    named = {target for words in MAKE for target in words[1:] if "=" not in target}
    named |= {target for text in LINKED.values() for target in re.findall(r"`make ([a-z]+)`", text)}
    assert {"demo", "test", "check"} <= named
    assert named <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_line_of_a_block_is_checked() -> None:
    # Python: of docs/your-own.md in test_probe.py, of CONTRIBUTING.md in test_smoke.py. Modules: in test_deployed.py.
    assert {kind for kind, _ in FENCED} <= {"bash", "yaml", "python", "snakemake"}
    assert sum(text.count("```") for text in PAGES.values()) == 2 * len(FENCED)
    checked = {*SNAKEMAKE, *POSINFO, *MAKE}
    assert {shlex.join(words) for words in COMMANDS if words not in checked} == UNCHECKED


@pytest.mark.parametrize("name", LINKED)
def test_links_and_images_lead_to_files(name: str) -> None:
    targets = [target for target in re.findall(r"\]\(([^)\s#]+)", LINKED[name]) if "://" not in target]
    assert all(((ROOT / name).parent / target).exists() for target in targets), targets


@pytest.mark.parametrize("name", LINKED)
def test_files_named_in_the_text_exist(name: str) -> None:
    places = (ROOT, ROOT / "workflow", ROOT / "workflow/posinfo", (ROOT / name).parent)
    named = re.findall(r"`((?:[\w.-]+/)+(?:[\w.-]+\.(?:py|smk|yaml|csv|rst|md|txt|png))?)`", LINKED[name])
    made = ("results/", "resources/", ".snakemake/", "tables/atlas.csv", ".steps/")  # by a run
    wanted = [path for path in named if "NAME" not in path and not path.startswith(made)]
    assert [path for path in wanted if not any((place / path).exists() for place in places)] == []


def test_every_page_is_reached_from_the_readme() -> None:
    assert {*DOCS, "CONTRIBUTING.md", "workflow/README.md"} <= set(re.findall(r"\]\(([^)\s#]+)", PAGES["README.md"]))


def test_the_readmes_numbers_are_those_of_the_pages_of_results() -> None:
    rows = [line.removesuffix(" |") for line in PAGES["README.md"].splitlines() if line.startswith("|")]
    assert len(rows) > 20
    pages = PAGES["docs/paper.md"] + PAGES["docs/results.md"]
    assert [row for row in rows if row not in pages] == []


def test_everything_fetched_stands_in_the_tables_of_sources() -> None:
    for source in catalogue.shipped().sources.values():
        assert not isinstance(source, entries.LocalFile)
        name = f"{source.package} {source.version}" if isinstance(source, entries.Wheel) else f"`{source.file}`"
        assert f"| {name} |" in PAGES["docs/sources.md"]
