"""Allows one run at a time in a results folder, by a lock that the kernel releases however its holder ends."""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from posinfo.store.errors import InputError


def hold(folder: Path) -> TextIO:
    """Lock a results folder for as long as the returned file stays open.

    Snakemake's own lock stays behind when its process is killed, and the next run needs --unlock. This lock does not
    stay behind, so the same command continues a killed run.

    Raises:
        InputError: when another run holds the lock, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{folder}/ cannot be written ({error.strerror}); make it writable, or give this run a folder of "
            "its own with --config results=OTHER"
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise InputError(
            f"another run (process {holder}) is working in {folder}/; wait for it, stop it, or give this run a folder "
            "of its own with --config results=OTHER"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()} on {os.uname().nodename}\n")
    file.flush()
    return file
