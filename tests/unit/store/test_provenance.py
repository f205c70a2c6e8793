"""A digest of code changes with what decides numbers, and with nothing else."""

import ast
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from posinfo.store import provenance
from posinfo.store.provenance import DECIDES_NOTHING, LIBRARY, code_digest

COMMANDS = '''"""Commands."""

from typing import TYPE_CHECKING

from posinfo import command_line
from posinfo.tools.constants import FACTOR

if TYPE_CHECKING:
    from posinfo.tools.types import Number

OFFSET = 3


def grow(value: "Number", times: int = 2) -> "Number":
    """Grow a value."""
    from posinfo.tools.adding import plus

    if value < 0:
        raise ValueError(f"{value} is negative")
    # The order matters.
    return plus(_scaled(value) * times, OFFSET)


def times(value: float) -> float:  # named as a parameter of grow
    from posinfo.tools.dividing import halved

    return halved(value)


def _scaled(value: float) -> float:
    assert value < 9, "too large"
    return value * FACTOR


OF_RULES = (grow,)
'''
SHOWING = ("tables.", "figures.", "report.", "experiments.atlas.commands:atlas_page")  # jobs that only show results
MODULES = {
    "tools/commands.py": COMMANDS,
    "tools/constants.py": "FACTOR = 2\n",
    "tools/adding.py": """from posinfo.tools import rounding

def plus(a, b, *, c):
    return rounding.rounded(a + b)
""",
    "tools/rounding.py": "def rounded(value):\n    return round(value)\n",
    "tools/dividing.py": "def halved(value):\n    return value / 2\n",
    "tools/types.py": "Number = float\n",
    "tools/bars.py": 'from tqdm import tqdm\n\ndef total(values):\n    return sum(tqdm(values, desc="sum"))\n',
    "tools/records.py": 'class Record:\n    """A record."""\n\n    size: int = Field(1, description="In pixels.")\n',
    "command_line.py": "class Commands: ...\n",
}

Edit = Callable[[str, str, str], None]


def forget() -> None:
    for cached in (provenance.code_digest, provenance._statements, provenance._imports, provenance._module_digest):
        cached.cache_clear()


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edit]:
    """Replaces text in a file of a small library."""
    for name, text in MODULES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def replace(name: str, before: str, after: str) -> None:
        text = (tmp_path / name).read_text()
        assert before in text
        (tmp_path / name).write_text(text.replace(before, after))
        forget()

    monkeypatch.setattr(provenance, "LIBRARY", tmp_path)
    forget()
    yield replace
    forget()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("tools/commands.py", "# The order matters.", "# Scale first."),
        ("tools/commands.py", "Grow a value.", "Make a value larger.\n\n    At least twice.\n    "),
        ("tools/commands.py", "is negative", "is below zero"),
        ("tools/commands.py", "too large", "above 9"),
        ("tools/commands.py", 'value: "Number", times: int', "value: float, times: float"),
        ("tools/commands.py", "OF_RULES = (grow,)", "OF_RULES = (grow, times)"),
        ("tools/commands.py", "return halved(value)", "return halved(2 * value)"),
        ("tools/commands.py", "OFFSET = 3", "OFFSET = (\n    3\n)"),
        ("tools/types.py", "float", "int"),
        ("tools/dividing.py", "/ 2", "/ 3"),
        ("command_line.py", "...", "pass"),
    ],
)
def test_edits_that_decide_no_number_keep_the_digest(edit: Edit, name: str, before: str, after: str) -> None:
    digest = code_digest("tools.commands:grow")
    edit(name, before, after)
    assert code_digest("tools.commands:grow") == digest


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("tools/commands.py", "OFFSET = 3", "OFFSET = 4"),
        ("tools/commands.py", "times: int = 2", "times: int = 3"),
        ("tools/commands.py", "value * FACTOR", "value + FACTOR"),
        ("tools/commands.py", "if value < 0", "if value < 1"),
        ("tools/commands.py", "value < 9", "value < 8"),
        ("tools/commands.py", "raise ValueError", "raise TypeError"),
        ("tools/constants.py", "2", "3"),
        ("tools/constants.py", "2", "2.0"),
        ("tools/adding.py", "a + b", "b + a"),
        ("tools/adding.py", "*, c", "*, c=None"),
        ("tools/rounding.py", "round(value)", "int(value)"),
    ],
)
def test_edits_of_what_a_function_uses_change_its_digest(edit: Edit, name: str, before: str, after: str) -> None:
    digest = code_digest("tools.commands:grow")
    edit(name, before, after)
    assert code_digest("tools.commands:grow") != digest


def test_a_module_counts_as_a_whole(edit: Edit) -> None:
    digest = code_digest("tools.commands")
    edit("tools/dividing.py", "/ 2", "/ 3")
    assert code_digest("tools.commands") != digest


def test_what_a_progress_bar_shows_does_not_count(edit: Edit) -> None:
    digest = code_digest("tools.bars")
    edit("tools/bars.py", 'desc="sum"', 'desc="total", unit="value"')
    assert code_digest("tools.bars") == digest
    edit("tools/bars.py", "values,", "values[1:],")
    assert code_digest("tools.bars") != digest


def test_types_and_defaults_of_a_class_count_but_not_its_words(edit: Edit) -> None:
    digest = code_digest("tools.records")
    edit("tools/records.py", "A record.", "A line of a table.")
    edit("tools/records.py", "In pixels.", "Its height in pixels.")
    assert code_digest("tools.records") == digest
    edit("tools/records.py", "size: int", "size: float")
    typed = code_digest("tools.records")
    assert typed != digest
    edit("tools/records.py", "Field(1", "Field(2")
    assert code_digest("tools.records") != typed


def test_unknown_code_has_no_digest() -> None:
    with pytest.raises(LookupError, match=r"no module 'store\.provenence'"):
        code_digest("store.provenence")
    with pytest.raises(LookupError, match="no function 'digest'"):
        code_digest("store.provenance:digest")


def names() -> list[str]:
    """The modules of the library."""
    paths = [path.relative_to(LIBRARY).with_suffix("") for path in LIBRARY.rglob("*.py")]
    return [".".join(path.parts).removesuffix("__init__").rstrip(".") for path in paths]


def test_an_edit_of_how_results_are_shown_redoes_no_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    rules = "".join(path.read_text() for path in (ROOT / "workflow").rglob("*.smk"))
    jobs = [job for job in re.findall(r'code\("([\w.]+:\w+)"\)', rules) if not job.startswith(SHOWING)]
    assert len(jobs) > 12
    request.addfinalizer(forget)
    monkeypatch.setattr(provenance, "LIBRARY", shutil.copytree(LIBRARY, tmp_path / "posinfo"))
    forget()
    before = {job: code_digest(job) for job in jobs}
    for name in ("run/tables", "run/figures", "tables/layouts", "tables/measurements"):
        with (tmp_path / f"posinfo/{name}.py").open("a") as file:
            file.write("assert True\n")
    forget()
    assert {job: code_digest(job) for job in jobs} == before


def test_each_module_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digests of the whole library cost one pass over it: this is what keeps the start of each run short."""
    parsed = Counter[bytes]()
    parse = ast.parse

    def counted(source: bytes, *rest: str) -> ast.AST:
        if not rest:  # pytest parses too, with more arguments
            parsed[source] += 1
        return parse(source, *rest)

    forget()
    monkeypatch.setattr(ast, "parse", counted)
    assert len([code_digest(name) for name in names()]) > 100
    assert set(parsed.values()) == {1}


def test_every_import_of_the_library_is_seen() -> None:
    assert set(names()) > DECIDES_NOTHING
    for path in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("posinfo") for alias in node.names), path
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
