"""The command line: `posinfo COMMAND`. Carries values to the stages and their errors to people."""

import errno
import gc
import os
import resource
import signal
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import NoReturn

from posinfo.command_line import Commands
from posinfo.store.errors import InputError

# In the order of the data. Their modules import no torch, so that `posinfo --help` answers at once.
PACKAGES = (
    *("run", "encoders", "report", "sources", "images", "experiments.tasks"),
    *("features", "readouts", "experiments.least_squares", "scores", "tables", "figures"),
    *("experiments.uneven_padding", "experiments.atlas"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked, 1 with a clear line when the input was wrong."""
    commands = Commands()
    for package in PACKAGES:
        import_module(f"posinfo.{package}.commands").add(commands)
    args = commands.parser.parse_args(arguments)
    try:
        args.run_command(args)
        sys.stdout.flush()
        if args.log:
            _log(args.log, _costs())
    except BrokenPipeError:  # whoever reads has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if args.log:
            _log(args.log, traceback.format_exc())
        words = _words(error)
        if not words:
            raise
        print(f"posinfo {args.command}: {words}", file=sys.stderr)
        return 1
    return 0


def _log(path: Path, text: str) -> None:
    with suppress(OSError):  # a full disk has no room for the log either
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{datetime.now(UTC):%F %T.%f} {' '.join(sys.argv[1:])}\n{text}\n", encoding="utf-8")


def _costs() -> str:
    """What this process took so far; Snakemake's benchmarks see CPU time only every few seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)  # bytes there, kilobytes elsewhere
    return f"{used.ru_utime + used.ru_stime:.2f} s of CPU, {peak / 1e9:.2f} GB of memory at most"


def _words(error: Exception) -> str:
    """What a person is told; empty for an error that is ours to mend."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        return (
            f"{error.strerror}: {error.filename or 'a file of the results'}; mend that and run the same command again"
        )
    # torch reports both kinds of memory by words alone
    if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error):
        return f"not enough memory: {error}; give the job more, fewer jobs at once (--cores), or a smaller batch"
    return ""


def tidy_when_terminated() -> None:
    """From now on SIGTERM ends this process as Ctrl-C does: through every `finally`, so that half-made files go."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    sys.exit(128 + number)


def run() -> NoReturn:
    """The process of one command.

    Many jobs are short, and torch's start and end are most of them. Its import makes objects by the hundred thousand
    that all stay, so that looking for garbage among them is in vain; and taking them apart one by one at the end of
    the process is what the kernel does at once.
    """
    gc.set_threshold(100_000)
    tidy_when_terminated()
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    run()
