"""Runs `posinfo COMMAND`: parses the arguments, calls the command and prints its errors."""

import errno
import gc
import os
import resource
import signal
import sys
import traceback
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from posinfo.command_line import Commands, call
from posinfo.run.experiments import NAMES
from posinfo.store.errors import InputError

# In the order of the data. Their modules import no torch, so that `posinfo --help` answers at once.
CORE = (
    "run",
    "probing",
    "encoders",
    "report",
    "sources",
    "images",
    "features",
    "readouts",
    "scores",
    "tables",
    "figures",
)
# What is wrong with a disk, a folder or a path that somebody named, and not with this program.
OUTSIDE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES),
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
)
PACKAGES = (*CORE, *(f"experiments.{name}" for name in NAMES))


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0 on success, or print one line of error and return 1 when the input was wrong."""
    commands = Commands()
    for module in (f"posinfo.{package}.commands" for package in PACKAGES):
        if find_spec(module):  # an experiment of the core's rules alone has no commands
            commands.add(import_module(module))
    args = commands.parse(arguments)
    try:
        call(args)
        print(end="", flush=True)  # also without a standard output
        if args.log:
            _log(args.log, _resources_used())
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        message = _message(error)
        said = f"posinfo {args._command}: {message}"
        if args.log:
            _log(args.log, f"{traceback.format_exc()}\n{said if message else ''}")
        if not message:
            raise
        print(said, file=sys.stderr)
        return 1
    return 0


def _log(path: Path, text: str) -> None:
    with suppress(OSError):  # a full disk has no space for the log either
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{datetime.now(UTC):%F %T.%f} {' '.join(sys.argv[1:])}\n{text}\n", encoding="utf-8")


def _resources_used() -> str:
    """CPU time and peak memory of this process; Snakemake's benchmarks sample CPU time only every few seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)  # bytes on macOS, kilobytes elsewhere
    return f"{used.ru_utime + used.ru_stime:.2f} s of CPU, {peak / 1e9:.2f} GB of memory at most"


def _message(error: Exception) -> str:
    """The message for a user; empty when the error is a bug of this program."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.errno in OUTSIDE:
        place = error.filename2 or error.filename or "a file of the results"  # of a rename, first where to
        return f"{error.strerror}: {place}; fix that and run the same command again"
    # torch reports exhausted memory, of the CPU or the GPU, in the text of the error only
    if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error):
        return f"not enough memory: {error}; give the job more, fewer jobs at once (--cores), or a smaller batch"
    return ""


def tidy_when_terminated() -> None:
    """Make SIGTERM and Ctrl-C end this process without a traceback; every `finally` runs, so temporary files go."""
    signal.signal(signal.SIGTERM, _exit)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # a shell ignores Ctrl-C for what it runs in the background
        signal.signal(signal.SIGINT, _exit)


def _exit(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    if number == signal.SIGINT and "--log" not in sys.argv:  # of its jobs, which have a log, Snakemake says it
        with suppress(OSError):
            os.write(2, b"Stopped.\n")
    sys.exit(128 + number)


def _show_in_a_line(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning without its place in the code, which says nothing to a user."""
    print(f"posinfo warns: {message}", file=sys.stderr)


def run() -> NoReturn:
    """Run one command as a process of its own.

    Importing and unloading torch takes most of the time of a short job. The import makes some 100,000 objects that all
    stay, so the garbage collector runs seldom; and the process exits without destroying them one by one.
    """
    gc.set_threshold(100_000)
    warnings.showwarning = _show_in_a_line
    tidy_when_terminated()
    status = main()
    print(end="", flush=True)
    print(end="", file=sys.stderr, flush=True)
    os._exit(status)


if __name__ == "__main__":
    run()
