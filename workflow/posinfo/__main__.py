"""The command line: `python -m posinfo COMMAND`. Carries values to the stages and their errors to people."""

import errno
import os
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime

from posinfo import command_inputs, command_results, command_stages
from posinfo.command_line import Commands
from posinfo.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked, 1 with a clear line when the input was wrong."""
    commands = Commands()
    for part in (command_inputs, command_stages, command_results):
        part.add(commands)
    args = commands.parser.parse_args(arguments)
    try:
        args.run_command(args)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if args.log:
            with suppress(OSError):  # a full disk has no room for the log either
                args.log.parent.mkdir(parents=True, exist_ok=True)
                args.log.write_text(f"{datetime.now(UTC):%F %T} {' '.join(sys.argv[1:])}\n{traceback.format_exc()}")
        words = _words(error)
        if not words:
            raise
        print(f"posinfo {args.command}: {words}", file=sys.stderr)
        return 1
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
