"""What the tests share: a way to run Snakemake on this workflow, and the fetched files of the default run."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from posinfo.config import RunConfig, load_config

ROOT = Path(__file__).parent.parent
RESOURCES = ROOT / "resources"


@dataclass
class Workflow:
    """The workflow of `source`, run in the folder `place` with an overlay, by default the smoke configuration."""

    place: Path
    source: Path = ROOT
    config: list[str] = field(default_factory=list)
    prefix: list[str] = field(default_factory=list)
    configfile: Path | None = None

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [*self.prefix, sys.executable, "-m", "snakemake", *arguments, "--cores", "2"]
        command += ["--snakefile", str(self.source / "Snakefile"), "--directory", str(self.place)]
        command += ["--configfile", str(self.configfile or self.source / "workflow/configs/smoke.yaml")]
        command += ["--config", *self.config] if self.config else []
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.source)
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def settings(self) -> RunConfig:
        """The checked configuration of its runs."""
        return load_config(yaml.safe_load((self.source / "workflow/configs/smoke.yaml").read_text()))

    def planned(self, *arguments: str) -> set[str]:
        """The rules that a dry run would run."""
        output = self.run(*arguments, "--dry-run", "--quiet", "host").stdout
        if "Job stats:" not in output:
            assert "Nothing to be done" in output, output
            return set()
        lines = output.split("Job stats:")[1].strip().splitlines()[2:]
        names = [line.split()[0] for line in lines[: lines.index("") if "" in lines else None]]
        return set(names) - {"total", "all", "tables"}


def copy_of_the_workflow(place: Path) -> Path:
    """Snakefile, config, library and rules, without results: a fresh clone, but for the packages already fetched."""
    for name in ("workflow", "envs"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(ROOT / name, place / name)
    (place / "profiles").symlink_to("workflow/profiles")
    (place / "resources").mkdir()
    (place / "resources/packages").symlink_to(RESOURCES / "packages")
    return place


@pytest.fixture(scope="session")
def resources() -> Path:
    """The fetched files of the default run, fetched once into the clone's own folder and verified."""
    names = ("vgg16", "resnet50-thin", "vgg16-edges", "squeezenet", "efficientnet-lite0")
    weights = [f"{RESOURCES}/encoders/{name}.safetensors" for name in (*names, "vgg16-random-0", "vgg16-random-1")]
    command = [sys.executable, "-m", "snakemake", "download", *weights]
    command += ["--cores", "2", "--config", f"resources={RESOURCES}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return RESOURCES


@pytest.fixture(scope="session")
def smoke(resources: Path, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A finished smoke run of Table 1 in a copy of the workflow, made without a network where that can be arranged."""
    assert resources == RESOURCES
    place = tmp_path_factory.mktemp("smoke")
    source = copy_of_the_workflow(place)
    Workflow(place, source, prefix=without_network()).run("results/tables/table1.csv")
    return Workflow(place, source)


def without_network() -> list[str]:
    """What to put before a command so that it has no network; empty where the system does not allow it."""
    for prefix in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if shutil.which("unshare"):
            tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)
            if tried.returncode == 0:
                return prefix
    return []


@dataclass
class Ledger:
    """What was done to the workflow, counted, and what came of it."""

    what: str
    count: int = 0
    lost: list[str] = field(default_factory=list)


LEDGERS: list[Ledger] = []


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    kept = Ledger(request.node.name)
    yield kept
    LEDGERS.append(kept)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests of faults did, as one table."""
    if LEDGERS:
        terminalreporter.write_line("\n| fault | times | lost or let in |\n|---|---|---|")
        for kept in LEDGERS:
            terminalreporter.write_line(f"| {kept.what} | {kept.count} | {', '.join(kept.lost) or 'nothing'} |")


@pytest.fixture
def fresh(tmp_path: Path, resources: Path) -> Workflow:
    """A copy of the workflow without results, its weights already converted."""
    workflow = Workflow(tmp_path, copy_of_the_workflow(tmp_path))
    shutil.copytree(resources / "encoders", tmp_path / "resources/encoders")
    return workflow


@pytest.fixture
def finished(smoke: Workflow, tmp_path: Path) -> Workflow:
    """A copy of the finished smoke run, for damage."""
    shutil.copytree(smoke.place, tmp_path / "run", symlinks=True)
    return Workflow(tmp_path / "run", tmp_path / "run")
