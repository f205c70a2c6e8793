"""Snakemake in a fork of a process that has imported it: most of a dry run's time is imports.

This module imports nothing of posinfo, since the workflow that a fork reads brings its own copy of the library.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["snakemake.cli", "pandas", "pydantic", "yaml"])


def snakemake(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What `snakemake` with those arguments in that folder would answer; both its streams stand in `stdout`."""
    with tempfile.NamedTemporaryFile() as output:
        process = SERVER.Process(target=_answer, args=(arguments, str(folder), output.name))
        process.start()
        process.join()
        answer = Path(output.name).read_text()
    return subprocess.CompletedProcess(["snakemake", *arguments], process.exitcode or 0, answer, "")


def _answer(arguments: tuple[str, ...], folder: str, output: str) -> None:
    from snakemake import cli  # type: ignore[import-untyped]  # imported already where this is a fork

    os.chdir(folder)
    with Path(output).open("wb") as stream:
        os.dup2(stream.fileno(), sys.stdout.fileno())
        os.dup2(stream.fileno(), sys.stderr.fileno())
    sys.path[:] = [place for place in sys.path if not (Path(place) / "posinfo").is_dir()]
    sys.argv = ["snakemake", *arguments]
    cli.main()
