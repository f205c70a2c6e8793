"""Snakemake and its jobs in forks of processes that have imported what they need: most of a short job is imports.

This module imports nothing of posinfo, since the workflow that a fork reads brings its own copy of the library.
"""

import array
import json
import multiprocessing
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NoReturn

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["snakemake.cli", "pandas", "pydantic", "yaml"])
PRELOADED = ("torch", "torch.utils.data", "torchvision", "pandas", "pydantic", "yaml", "safetensors.torch", "seaborn")
# In place of Python: `python3 -m posinfo ...` is handed to the process that serves jobs; all else runs as it would.
CLIENT = """
import array, json, os, socket, sys, time
if sys.argv[1:3] != ["-m", "posinfo"]:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
for _ in range(2400):  # two minutes; without a server the job then fails
    if os.path.exists({address!r}):
        break
    time.sleep(.05)
words = json.dumps(dict(arguments=sys.argv[3:], folder=os.getcwd(), environment=dict(os.environ))).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    streams = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
    server.sendmsg([len(words).to_bytes(8, "big")], streams)
    server.sendall(words)
    answer = server.recv(1)
sys.exit(answer[0] if answer else 1)
"""


def snakemake(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What `snakemake` with those arguments in that folder would answer; both its streams stand in `stdout`."""
    with tempfile.NamedTemporaryFile() as output:
        process = SERVER.Process(target=_answer, args=(arguments, str(folder), output.name, served()))
        process.start()
        process.join()
        answer = Path(output.name).read_text()
    return subprocess.CompletedProcess(["snakemake", *arguments], process.exitcode or 0, answer, "")


def _answer(arguments: tuple[str, ...], folder: str, output: str, interpreter: str) -> None:
    from snakemake import cli  # type: ignore[import-untyped]  # imported already where this is a fork

    os.chdir(folder)
    with Path(output).open("wb") as stream:
        os.dup2(stream.fileno(), sys.stdout.fileno())
        os.dup2(stream.fileno(), sys.stderr.fileno())
    sys.path[:] = [place for place in sys.path if not (Path(place) / "posinfo").is_dir()]
    sys.argv, sys.executable = ["snakemake", *arguments], interpreter
    cli.main()


@cache
def served() -> str:
    """The path of an interpreter whose `-m posinfo` runs in a fork; the server of forks ends with this process."""
    folder = Path(tempfile.mkdtemp())
    address, interpreter, client = folder / "jobs", folder / "python3", folder / "client.py"
    client.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    interpreter.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -S -E {shlex.quote(str(client))} "$@"\n')
    interpreter.chmod(0o755)
    subprocess.Popen([sys.executable, __file__, str(address), str(os.getpid())], stdin=subprocess.DEVNULL)
    return str(interpreter)


def serve(address: Path, parent: int) -> None:
    """Run the jobs that ask at the address, each in a fork, as long as the parent lives."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{address}.new")
        listening.listen(64)
        listening.settimeout(1)
        for name in PRELOADED:
            import_module(name)
        Path(f"{address}.new").rename(address)
        while os.getppid() == parent:
            with suppress(TimeoutError):
                asking, _ = listening.accept()
                with asking:
                    if not os.fork():
                        listening.close()
                        _attend(asking)
    shutil.rmtree(address.parent)


def _attend(asking: socket.socket) -> NoReturn:
    """Run one job in a fork of this fork, and answer with its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asking.settimeout(None)
    size, ancillary, _, _ = asking.recvmsg(8, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    streams = array.array("i", ancillary[0][2])
    with asking.makefile("rb") as words:
        job = json.loads(words.read(int.from_bytes(size, "big")))
    process = os.fork()
    if not process:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        asking.close()
        _work(**job)
    _, status = os.waitpid(process, 0)
    asking.sendall(bytes([os.waitstatus_to_exitcode(status) % 256]))
    os._exit(0)


def _work(arguments: list[str], folder: str, environment: dict[str, str]) -> NoReturn:
    """What `python3 -m posinfo` does in that folder and environment."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:1] = [folder, *environment["PYTHONPATH"].split(os.pathsep)]  # before: the folder of this file
    sys.argv = ["posinfo", *arguments]
    try:
        import_module("posinfo.__main__").run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
