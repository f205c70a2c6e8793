"""The README's commands are real: each snakemake line plans, each make target exists, each source is listed."""

import re
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT, Workflow
from PIL import Image
from posinfo import entries, registry

README = (ROOT / "README.md").read_text()
LINES = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
COMMANDS = [shlex.split(line, comments=True) for line in LINES if line.strip()]


@pytest.fixture(scope="module")
def readers_clone(smoke: Workflow) -> Workflow:
    """A clone with what a reader would bring: photographs (here single colours) and a file of weights."""
    for number, folder in enumerate(("my/photographs", "my/test-photographs")):
        (smoke.source / folder).mkdir(parents=True)
        Image.new("RGB", (300, 200), (number, 0, 0)).save(smoke.source / folder / "one.png")
    (smoke.source / "my/resnet18.pth").touch()
    return smoke


@pytest.mark.parametrize("command", [words for words in COMMANDS if words[0] == "snakemake"], ids=" ".join)
def test_snakemake_commands_plan(command: list[str], readers_clone: Workflow) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command, "--dry-run"],
        cwd=readers_clone.source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("PYTHONPATH")])
def test_library_commands_run(line: str) -> None:
    done = subprocess.run(
        ["bash", "-c", line.replace("python", sys.executable, 1)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_make_targets_exist() -> None:
    named = {words[1] for words in COMMANDS if words[0] == "make"} | set(re.findall(r"`make ([a-z]+)`", README))
    assert {"demo", "test"} <= named
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


def test_everything_fetched_stands_in_the_tables_of_sources() -> None:
    for source in registry.shipped().sources.values():
        assert not isinstance(source, entries.LocalFile)
        name = f"{source.package} {source.version}" if isinstance(source, entries.Wheel) else f"`{source.file}`"
        assert f"| {name} |" in README
