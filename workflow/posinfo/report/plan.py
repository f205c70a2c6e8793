"""What a run takes before it starts, as a table; and whether the disk is there."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from posinfo.report.steps import Step
from posinfo.store.errors import InputError

SPARE = 1.02  # file systems, sidecars and logs


def table(found: list[Step], gmacs: float, gigabytes: float) -> str:
    """The plan as text.

    Args:
        gmacs: multiply-adds that the device does in a second, in 10^9.
        gigabytes: of features read in a second.
    """
    rows = [
        {
            "step": step.kind,
            "what": step.name,
            "pictures": step.pictures or "",
            "disk GB": sum(step.paths.values()) / 1e9,
            "10^12 multiply-adds": step.macs / 1e12,
            "read GB": step.read / 1e9,
            "hours": max(step.macs / gmacs / 1e9, step.read / gigabytes / 1e9) / 3600,
        }
        for step in found
    ]
    frame = pd.DataFrame(rows)
    total = {"step": "all", "what": "", "pictures": "", **frame[list(frame.columns[3:])].sum().to_dict()}
    frame = pd.concat([frame, pd.DataFrame([total])], ignore_index=True)
    return str(frame.to_markdown(index=False, floatfmt=("", "", "", ".2f", ".1f", ".0f", ".2f")))


def room_for(found: list[Step], wanted: Iterable[str]) -> str:
    """What is going to be made takes on the disk and what is free, in words, a line a disk.

    Args:
        found: the steps of the whole run.
        wanted: the files that are going to be made.

    Raises:
        InputError: when the disk cannot hold it.
    """
    asked = set(wanted)
    free: dict[int, int] = {}
    needs: dict[int, dict[str, int]] = {}
    for step in found:
        for path, size in step.paths.items():
            if path in asked:
                place = next(parent for parent in Path(path).absolute().parents if parent.exists())
                disk = place.stat().st_dev
                # A file that is made again gives its own place back.
                free.setdefault(disk, shutil.disk_usage(place).free)
                free[disk] += Path(path).stat().st_size if Path(path).exists() else 0
                needs.setdefault(disk, {}).setdefault(step.kind, 0)
                needs[disk][step.kind] += size
    lines = []
    for disk, by_kind in needs.items():
        whole = sum(by_kind.values())
        parts = ", ".join(f"{kind} {size / 1e9:.1f} GB" for kind, size in by_kind.items())
        said = f"this run makes {parts}, together {whole / 1e9:.1f} GB, and {free[disk] / 1e9:.1f} GB are free"
        if whole * SPARE > free[disk]:
            raise InputError(f"not enough disk: {said}; make room, name another folder as `results`, or ask for less")
        lines.append(said)
    return "\n".join(lines)
