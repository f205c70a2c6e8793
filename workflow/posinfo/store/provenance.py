"""Digests of code: an edit reruns exactly the jobs whose numbers it decides.

A rule passes the digest of its command as a parameter. Snakemake compares parameters by value, so a changed constant
reruns the rule; a touched file, a fresh checkout or a better docstring reruns nothing, and results copied into another
clone stay valid. (Declared as input files, the modules of a fresh clone would be newer than every copied result.)

A digest is taken of the syntax tree, without what decides no number: comments, docstrings, type annotations (except
those in the body of a class, which pydantic and dataclasses read), the arguments of `raise`, the messages of `assert`,
arguments named `description` (of keys of the config), and all arguments of `tqdm` but the first. Only fields that are
set enter it, so Python versions agree as far as their grammars do.

It covers imports of the form `from posinfo.package.module import name` and `from posinfo.package import module`, at
the top of a module or inside a function. It does not see modules that are imported by a name in a string: a rule that
runs such code passes the digest of that code too.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).parents[1]

# These decide no number: they word errors, lock folders, print help, fetch bytes (sources.fetching verifies them), read
# the configuration (whose values are parameters of the rules), or take this digest, which changes by itself when they
# take it another way.
DECIDES_NOTHING = frozenset(
    {
        *("command_line", "registry.mistakes", "run.config", "run.experiments", "run.roles", "sources.downloads"),
        *("store.errors", "store.locks", "store.provenance"),
    }
)
_WRITTEN_APART = {ast.Name, ast.Constant, ast.Call, ast.Raise, ast.ClassDef, ast.Import, ast.ImportFrom}
_FIELDS_LEFT_OUT = frozenset({"annotation", "ctx", "kind", "msg", "returns", "type_comment", "type_ignores"})


@cache
def code_digest(where: str) -> str:
    """16 hex digits that change with the code behind a module or a function.

    Args:
        where: `package.module` for the whole module; `package.module:function` for that function and every statement
            of its module that it uses, directly or through others. Both include every posinfo module that the code
            imports, transitively, as a whole.

    Raises:
        LookupError: when there is no such module or function.
    """
    module, _, function = where.partition(":")
    statements = _statements(module)
    if function:
        statements = _used_by(function, statements, where)
    found = hashlib.sha256(_joined(statements))
    for name in _modules_behind(statements):
        found.update(f"\n{name} {_module_digest(name)}".encode())
    return found.hexdigest()[:16]


@cache
def _statements(module: str) -> tuple["_Statement", ...]:
    tree = ast.parse(_file(module).read_bytes())
    return tuple(_Statement(node) for node in tree.body if not _decides_nothing(node))


def _file(module: str) -> Path:
    path = LIBRARY.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.exists():
            return file
    raise LookupError(f"posinfo has no module {module!r}")


def _imported_module(package: str, name: str) -> str:
    """The module that `from posinfo.PACKAGE import NAME` reads: a module of the package, or else the package itself."""
    module = f"{package}.{name}".removeprefix(".")
    is_module = LIBRARY.joinpath(*module.split(".")).with_suffix(".py").exists()
    return module if is_module else package


def _joined(statements: Iterable["_Statement"]) -> bytes:
    return "\n".join(line for statement in statements for line in statement.lines).encode()


@cache
def _module_digest(module: str) -> str:
    return hashlib.sha256(_joined(_statements(module))).hexdigest()


def _used_by(function: str, statements: tuple["_Statement", ...], where: str) -> tuple["_Statement", ...]:
    """The statements that a function uses, in their order; those that bind no name act on the module and count too."""
    if not any(function in statement.binds for statement in statements):
        raise LookupError(f"{where}: this module has no function {function!r}")
    chosen: set[_Statement] = set()
    found = {statement for statement in statements if not statement.binds or function in statement.binds}
    while found:
        chosen |= found
        wanted = {name for statement in found for name in statement.uses}
        found = {statement for statement in statements if statement.binds & wanted} - chosen
    return tuple(statement for statement in statements if statement in chosen)


def _modules_behind(statements: Iterable["_Statement"]) -> list[str]:
    """The posinfo modules that these statements import, transitively, sorted."""
    seen: set[str] = set()
    waiting = {name for statement in statements for name in statement.imports}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting |= _imports(name) - seen
    return sorted(seen)


@cache
def _imports(module: str) -> frozenset[str]:
    return frozenset(name for statement in _statements(module) for name in statement.imports)


def _decides_nothing(node: ast.AST) -> bool:
    """Whether a node is a docstring, describes a key of the config, or imports for the type checker alone."""
    if isinstance(node, ast.keyword):
        return node.arg == "description"
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name):
        return node.test.id == "TYPE_CHECKING" and not node.orelse
    return False


class _Statement:
    """A statement at the top level of a module: its syntax tree, written out, and the names and modules in it.

    Attributes:
        lines: the type of each node, and each field that is set.
        binds: the names that it defines.
        uses: the names that it reads.
        imports: the posinfo modules that it imports.
    """

    def __init__(self, node: ast.stmt) -> None:
        self.lines: list[str] = []
        self.binds: set[str] = set()
        self.uses: set[str] = set()
        self.imports: set[str] = set()
        self._write(node)
        if isinstance(node, ast.FunctionDef):
            of_its_own = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            self.uses -= {parameter.arg for parameter in of_its_own}  # not what else in the module has the name
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            self.binds = {node.name}

    def _write(self, node: ast.AST) -> None:
        if type(node) not in _WRITTEN_APART:  # most nodes, so that planning a run is fast
            self._write_fields(node)
        elif isinstance(node, ast.Name):
            self.lines.append(node.id)
            (self.uses if isinstance(node.ctx, ast.Load) else self.binds).add(node.id)
        elif isinstance(node, ast.Constant):
            self.lines.append(repr(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tqdm":
            self._write_all(node.args[:1])  # a progress bar gives what it wraps
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            self._write_all([ast.Raise(), node.exc.func])
        else:
            self._note(node)
            self._write_fields(node)

    def _write_fields(self, node: ast.AST) -> None:
        append = self.lines.append
        append("(" + type(node).__name__)
        for field in node._fields:
            value = getattr(node, field, None)
            if value is None or value == [] or field in _FIELDS_LEFT_OUT:
                continue
            append("." + field)
            if isinstance(value, list):
                self._write_all(value)
            elif isinstance(value, ast.AST):
                self._write(value)
            else:
                append(repr(value))
        append(")")

    def _write_all(self, items: Iterable[object]) -> None:
        for item in items:
            if not isinstance(item, ast.AST):
                self.lines.append("-" if item is None else repr(item))  # None: no default, or ** in a dict
            elif not _decides_nothing(item):
                self._write(item)

    def _note(self, node: ast.AST) -> None:
        """Note what an import binds and reads, and write the annotations of a class."""
        if isinstance(node, ast.ClassDef):
            self._write_all(field.annotation for field in node.body if isinstance(field, ast.AnnAssign))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.binds |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "posinfo":
            package = node.module.removeprefix("posinfo").removeprefix(".")
            self.imports |= {_imported_module(package, alias.name) for alias in node.names} - DECIDES_NOTHING
