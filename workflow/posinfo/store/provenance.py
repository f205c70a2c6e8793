"""Which code decides an output: a module and every posinfo module that it imports, as one digest.

The digest is a parameter of the rule that runs the module. Snakemake compares parameters by value, so an edit
reruns exactly the stages that the module decides, a touch or a fresh checkout reruns nothing, and results copied
into another clone stay valid. (Declared as input files, the modules of a fresh clone would be newer than every
copied result.)
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).parents[1]


def _file(module: str) -> Path:
    return LIBRARY / f"{module.replace('.', '/')}.py"


def _imports(module: str) -> set[str]:
    tree = ast.parse(_file(module).read_bytes())
    # Imports for the type checker (under `if TYPE_CHECKING`) decide nothing; all others stand at the top.
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("posinfo."):
            name = node.module.removeprefix("posinfo.")
            # A package hands nothing on, so what is imported from one is a module of it.
            package = not _file(name).exists()
            found |= {f"{name}.{alias.name}" for alias in node.names} if package else {name}
    return found


@cache
def modules_behind(module: str) -> tuple[str, ...]:
    """The names of the posinfo modules that decide what `module` makes, itself among them, sorted.

    Args:
        module: by its path in the library, such as `features.extraction`.
    """
    seen: set[str] = set()
    waiting = {module}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting |= _imports(name) - seen
    return tuple(sorted(seen))


@cache
def code_digest(module: str) -> str:
    """16 hex digits of the sha256 over the sources of `modules_behind(module)`."""
    digest = hashlib.sha256()
    for name in modules_behind(module):
        digest.update(name.encode() + b"\0" + _file(name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]
