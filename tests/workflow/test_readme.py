"""The README's commands are real: each snakemake line plans, each make target exists, each source is listed."""

import re
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT, Workflow
from posinfo import entries, registry

README = (ROOT / "README.md").read_text()
LINES = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
COMMANDS = [shlex.split(line, comments=True) for line in LINES if line.strip()]


@pytest.mark.parametrize("command", [words for words in COMMANDS if words[0] == "snakemake"], ids=" ".join)
def test_snakemake_commands_plan(command: list[str], smoke: Workflow) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command, "--dry-run"], cwd=smoke.source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_targets_exist() -> None:
    named = {words[1] for words in COMMANDS if words[0] == "make"} | set(re.findall(r"`make ([a-z]+)`", README))
    assert {"demo", "test"} <= named
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


def test_every_package_stands_in_the_table_of_sources() -> None:
    for source in registry.shipped().sources.values():
        assert isinstance(source, entries.Wheel)
        assert f"| {source.package} {source.version} |" in README
