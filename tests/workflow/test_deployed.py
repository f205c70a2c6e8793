"""The workflow without its clone: installed from a wheel, and as a module of another workflow."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import forked
import pandas as pd
import pytest
import yaml
from conftest import ROOT, Workflow, copy_of_the_workflow

TABLE = "results/tables/table1.csv"
PACKAGED = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", ".gitignore")


@dataclass
class Installed:
    """A virtual environment with the wheel, and with the packages of this one by a path: not with its posinfo."""

    wheel: Path
    clone: Path
    environment: Path

    def run(self, command: str, *arguments: str, folder: Path) -> str:
        """What a command of the environment prints in a folder."""
        outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        words = [str(self.environment / "bin" / command), *arguments]
        done = subprocess.run(words, cwd=folder, env=outside, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    clone = copy_of_the_workflow(folder / "clone")
    for name in PACKAGED:
        shutil.copy2(ROOT / name, clone / name)
    (clone / "build/lib/posinfo").mkdir(parents=True)
    (clone / "build/lib/posinfo/removed.py").touch()  # of an earlier build
    for command in (["git", "init", "-q"], ["git", "add", "."]):
        subprocess.run(command, cwd=clone, check=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", str(clone), "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("posinfo-*.whl")
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    place = sysconfig.get_path("purelib", vars={"base": str(environment)})
    Path(place, "packages.pth").write_text(sysconfig.get_path("purelib"))  # of this file alone: no .pth there is read
    python = str(environment / "bin/python")
    install = ["install", "--no-deps", "--no-index", "--ignore-installed", str(wheel)]
    subprocess.run([*pip, "--python", python, *install], check=True)
    return Installed(wheel, clone, environment)


def test_the_wheel_holds_the_files_of_the_clone(installed: Installed) -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=installed.clone, capture_output=True, text=True, check=True
    ).stdout
    expected = {}
    for path in set(tracked.splitlines()) - {*PACKAGED, "workflow/README.md", "profiles"}:
        place = path.removeprefix("workflow/posinfo/").replace("workflow/profiles/", "profiles/")
        expected[f"posinfo/{place}"] = (installed.clone / path).read_bytes()
    with zipfile.ZipFile(installed.wheel) as wheel:
        found = {name: wheel.read(name) for name in wheel.namelist() if ".dist-info/" not in name}
    assert found.keys() == expected.keys()
    assert found == expected


def test_building_leaves_nothing_that_git_lists(installed: Installed) -> None:
    command = ["git", "ls-files", "--others", "--exclude-standard"]
    assert subprocess.run(command, cwd=installed.clone, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("--help", "run "),
        ("--help", "learning-curve"),
        ("taps torchvision/resnet18", "layer4"),
        ("entry torchvision/resnet18", "architecture: torchvision/resnet18"),
        ("config", "results: results"),
        ("config own", "my-photographs"),
        ("list", "vgg16"),
        ("plan --configfile config.yaml", "features"),
        ("run results/claims.md --dry-run --quiet host", "claims"),
    ],
)
def test_installed_commands_answer(installed: Installed, tmp_path: Path, command: str, words: str) -> None:
    (tmp_path / "config.yaml").write_text("seeds: [5]\n")
    assert words in installed.run("posinfo", *command.split(), folder=tmp_path)


def test_an_installed_library_probes_a_network(installed: Installed, tmp_path: Path) -> None:
    code = """
import numpy, posinfo, torch
from posinfo.features.extraction import Preprocessing
images = numpy.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype="uint8")
network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, 8))
scores, maps = posinfo.probe(network, images, transform=Preprocessing("RGB", 1))
print(posinfo.__version__, posinfo.__file__, len(scores) > 0, sep="|")
"""
    version, file, probed = installed.run("python", "-c", code, folder=tmp_path).splitlines()[-1].split("|")
    assert installed.wheel.name.startswith(f"posinfo-{version}-")
    assert Path(file).is_relative_to(installed.environment)
    assert probed == "True"


def test_an_installed_workflow_makes_scores_and_a_table(installed: Installed, smoke: Workflow, tmp_path: Path) -> None:
    """With the settings of the folder's config.yaml; the encoder without weights, and the smallest of the tables."""
    (tmp_path / "config.yaml").write_text(installed.run("posinfo", "config", "smoke", folder=tmp_path))
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources/packages").symlink_to(smoke.place / "resources/packages")
    scores = "results/scores/pixels/base/photos-test-small.csv"
    installed.run("posinfo", "run", scores, "results/tables/red_green.csv", folder=tmp_path)
    assert (tmp_path / scores).read_bytes() == (smoke.place / scores).read_bytes()
    table = pd.read_csv(tmp_path / "results/tables/red_green.csv")
    assert set(table["padding"]) == {"valid", "same", "same, circular", "full"}


def test_a_fetched_module_needs_the_installed_library_only(
    installed: Installed, smoke: Workflow, tmp_path: Path
) -> None:
    """As snakedeploy writes it with `github(...)`: of the repository, Snakemake fetches the Snakefile."""
    name = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *name, "commit", "-q", "-m", "all"], cwd=installed.clone, check=True)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("seeds: [5]\n")
    (tmp_path / "Snakefile").write_text(
        f"""configfile: "config/config.yaml"
module posinfo:
    snakefile: gitfile({str(installed.clone)!r}, path="Snakefile", ref="HEAD")
    config: config
use rule * from posinfo
"""
    )
    images = "results/images/synthetic.npy"
    installed.run("python", "-m", "snakemake", images, "results/tables/table1.csv", "--dry-run", folder=tmp_path)
    installed.run("python", "-m", "snakemake", images, "--cores", "1", folder=tmp_path)
    assert (tmp_path / images).read_bytes() == (smoke.place / images).read_bytes()


@pytest.fixture(scope="module")
def outer(resources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workflow as docs/your-own.md writes it, and with rules and settings of its own."""
    place = tmp_path_factory.mktemp("outer")
    copy_of_the_workflow(place / "posinfo")
    (place / "resources").mkdir()
    (place / "resources/packages").symlink_to(resources / "packages")
    shutil.copytree(resources / "encoders", place / "resources/encoders")
    (lines,) = re.findall(r"```snakemake\n(.*?)```", (ROOT / "docs/your-own.md").read_text(), re.DOTALL)
    own = """
shell.prefix("PREFIX=outer; ")
use rule table from posinfo as posinfo_table with:
    threads: 2
rule copied:
    input: "results/tables/table1.csv"
    output: "copied.csv"
    shell: "test $PREFIX = outer && cp {input} {output}"
"""
    (place / "Snakefile").write_text(lines + own)
    smoke = yaml.safe_load((ROOT / "workflow/configs/smoke.yaml").read_text())
    (place / "config.yaml").write_text(yaml.safe_dump({"samples": ["a"], "posinfo": smoke}))
    return place


def test_a_module_makes_the_clones_table(outer: Path, smoke: Workflow) -> None:
    done = forked.snakemake("copied.csv", "--cores", "2", folder=outer)
    assert done.returncode == 0, done.stdout
    assert (outer / "copied.csv").read_bytes() == (smoke.place / TABLE).read_bytes()


def test_a_module_has_digests_and_expected_values(outer: Path) -> None:
    done = forked.snakemake("results/verified.txt", "--dry-run", folder=outer)
    assert "rule posinfo_verify" in done.stdout, done.stdout
    assert "results/tables/border.csv" in done.stdout


@pytest.mark.parametrize("option", ['prefix: "mine"', 'replace_prefix: {"results/": "mine/"}'])
def test_a_module_with_a_prefix_is_refused(outer: Path, option: str) -> None:
    """Jobs find some files by the paths that the configuration gives them."""
    lines = (outer / "Snakefile").read_text().replace("module posinfo:", f"module posinfo:\n    {option}")
    (outer / "prefixed.smk").write_text(lines)
    done = forked.snakemake("posinfo_claims", "--dry-run", "--snakefile", "prefixed.smk", folder=outer)
    assert done.returncode == 1
    assert "set `results` in the module's config" in done.stdout
