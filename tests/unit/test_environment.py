"""pyproject.toml, the pins and the conda file name the same packages at the same versions."""

import re
import tomllib

import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins() -> dict[str, set[str]]:
    """Package to its pinned versions (several where they depend on the Python version)."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "envs/pins.txt").read_text(), re.MULTILINE):
        found.setdefault(name.lower(), set()).add(version)
    return found


def test_every_dependency_is_pinned_within_its_range() -> None:
    wanted = PYPROJECT["dependencies"] + PYPROJECT["optional-dependencies"]["dev"]
    for requirement in map(Requirement, wanted):
        versions = pins()[requirement.name.lower()]
        assert all(SpecifierSet(str(requirement.specifier)).contains(version) for version in versions), requirement


def test_every_pin_has_a_hash() -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / "envs/pins.txt").read_text().strip())
    assert len(blocks) > 50
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_conda_file_has_the_pinned_dependencies() -> None:
    listed = yaml.safe_load((ROOT / "envs/posinfo.yaml").read_text())["dependencies"][-1]["pip"]
    versions = {
        requirement.name: str(requirement.specifier).removeprefix("==") for requirement in map(Requirement, listed)
    }
    assert set(versions) == {Requirement(line).name.lower() for line in PYPROJECT["dependencies"]}
    assert all(version in pins()[name] for name, version in versions.items())
