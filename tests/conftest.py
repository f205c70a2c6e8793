"""What the tests share: a way to run Snakemake on this workflow, and the fetched files of the default run."""

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import forked
import pytest
import yaml
from filelock import FileLock
from posinfo.__main__ import main
from posinfo.registry.catalogue import canonical_json
from posinfo.run.config import RunConfig, load_config
from posinfo.run.inputs import Inputs
from posinfo.sources import downloads
from selenium import webdriver

if "PYTEST_XDIST_WORKER" in os.environ:  # several processes test at once: each computes with one thread
    os.environ["OMP_NUM_THREADS"] = "1"
ROOT = Path(__file__).parent.parent
RESOURCES = ROOT / "resources"
ENCODERS = (
    "vgg16",
    "resnet50-thin",
    "vgg16-edges",
    "squeezenet",
    "efficientnet-lite0",
    "vgg16-random-0",
    "vgg16-random-1",
)


# Files that take minutes, longest first; processes that share the tests take whole files in the order of collection.
LONG = (
    "test_full_run",
    "test_report",
    "test_slurm",
    "test_smoke",
    "test_deployed",
    "test_own",
    "test_docs",
    "test_determinism",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: one that began last would keep one process busy while the other waits."""
    rank = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONG)))


def pytest_collection_finish() -> None:
    """What was imported stays: the search for garbage need not look at it again and again."""
    gc.freeze()


@dataclass
class Workflow:
    """The workflow of `source`, run in the folder `place` with an overlay, by default the smoke configuration."""

    place: Path
    source: Path = ROOT
    config: list[str] = field(default_factory=list)
    prefix: list[str] = field(default_factory=list)
    configfile: Path | None = None

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        options = [*arguments, "--cores", "2", "--snakefile", str(self.source / "Snakefile")]
        options += ["--directory", str(self.place)]
        options += ["--configfile", str(self.configfile or self.source / "workflow/configs/smoke.yaml")]
        options += ["--config", *self.config] if self.config else []
        if self.prefix:
            command = [*self.prefix, sys.executable, "-m", "snakemake", *options]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.source)
        else:
            done = forked.snakemake(*options, folder=self.source)
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def settings(self) -> RunConfig:
        """The checked configuration of its runs."""
        overlay = self.configfile or self.source / "workflow/configs/smoke.yaml"
        return load_config(yaml.safe_load(overlay.read_text()))

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
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of this session, the same for all its processes (`pytest -n 2`)."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


def once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, made by the first process that asks for it; others wait."""
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            partial = folder.with_name(f"{folder.name}.partial")
            partial.mkdir()
            make(partial)
            partial.rename(folder)
    return folder


@pytest.fixture(scope="session")
def resources(shared: Path) -> Path:
    """The packages of the default run, fetched once into the clone's own folder, and weights converted from them."""
    return once(shared / "resources", fetch_and_convert)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads wait for fractions of a second only."""
    monkeypatch.setattr(downloads, "TIMEOUT", 0.5)
    monkeypatch.setattr(downloads, "PAUSE", 0.01)


def fetch_and_convert(folder: Path) -> None:
    """As the rules `source` and `encoder` do, without Snakemake."""
    run = load_config({})
    (RESOURCES / "packages").mkdir(parents=True, exist_ok=True)
    (folder / "packages").symlink_to(RESOURCES / "packages")
    sources = {f"{run.resources}/{source.place}": source for source in run.registry.sources.values()}
    for path in Inputs(run).downloads():
        source = sources[path]
        place = RESOURCES / source.place
        if not place.exists():
            assert main(["fetch", "--entry", source.model_dump_json(), "--output", str(place)]) == 0
    for name in ENCODERS:
        output = folder / f"encoders/{name}.safetensors"
        entry = canonical_json(run.registry.weight_dependencies(name))
        assert main(["encoder", "--entry", entry, "--resources", str(folder), "--output", str(output)]) == 0


@pytest.fixture(scope="session")
def finished_smoke(shared: Path, resources: Path) -> Path:
    """A finished smoke run of Table 1 in a copy of the workflow, made without a network where that can be arranged."""
    return once(shared / "smoke", lambda folder: run_smoke(folder, resources))


def run_smoke(folder: Path, resources: Path) -> None:
    """Weights are converted by the run itself; only packages are there."""
    source = copy_of_the_workflow(folder)
    assert (resources / "packages").is_dir()
    Workflow(folder, source, prefix=without_network()).run("results/tables/table1.csv")


@pytest.fixture(scope="session")
def smoke(finished_smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The finished smoke run, a copy for each process: tests plan, edit and add to it, and leave it whole."""
    place = tmp_path_factory.mktemp("smoke") / "run"
    shutil.copytree(finished_smoke, place, symlinks=True)
    return Workflow(place, place)


def without_network() -> list[str]:
    """What to put before a command so that it has no network; empty where the system does not allow it."""
    for prefix in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if shutil.which("unshare"):
            tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)
            if tried.returncode == 0:
                return prefix
    return []


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A real browser, without a window."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromium-driver (Debian's packages) are not installed: no page was opened")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("headless", "no-sandbox", "disable-gpu", "disable-background-networking", "disable-sync"):
        options.add_argument(f"--{argument}")
    options.add_argument("--window-size=1500,1000")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as chrome:
        yield chrome


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
def finished(finished_smoke: Path, tmp_path: Path) -> Workflow:
    """A copy of the finished smoke run, for damage."""
    shutil.copytree(finished_smoke, tmp_path / "run", symlinks=True)
    return Workflow(tmp_path / "run", tmp_path / "run")
