"""Tables set by a real TeX."""

import shutil
import subprocess
from pathlib import Path

from posinfo.tables.built import BuiltTable
from posinfo.tables.layouts import latex

TEX = shutil.which("pdflatex")


def typeset(table: BuiltTable, folder: Path) -> None:
    """Compile a table with the package that it names; nothing where there is no TeX."""
    if not TEX:
        return
    head = r"\documentclass{article}\usepackage{booktabs}\begin{document}"
    (folder / "table.tex").write_text(f"{head}{latex(table, 'x')}\\end{{document}}", encoding="utf-8")
    done = subprocess.run([TEX, "-halt-on-error", "table"], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
