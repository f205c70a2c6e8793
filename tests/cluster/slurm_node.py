"""A Slurm of one node on this machine, as root: munge, a controller and a worker, in a scratch folder."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIGURATION = Path("/etc/slurm/slurm.conf")  # jobs do not inherit SLURM_CONF, so it has to lie where Slurm looks
SETTINGS = """ClusterName=local
SlurmctldHost={node}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.txt
MpiDefault=none
NodeName={node} CPUs=2 RealMemory=12000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Why a Slurm cannot be started here; empty when it can."""
    missing = [name for name in ("slurmctld", "slurmd", "munged", "sbatch") if not shutil.which(name)]
    if missing:
        return f"Slurm is not installed ({', '.join(missing)}); Debian: apt-get install slurm-wlm munge"
    if os.getuid() != 0:
        return "a Slurm of our own needs root"
    if CONFIGURATION.exists():
        return f"this machine has a Slurm already ({CONFIGURATION})"
    return ""


@contextmanager
def running(folder: Path) -> Iterator[Path]:
    """Start it and stop it again; gives the file with one line for each job that ended."""
    node = socket.gethostname()
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
    CONFIGURATION.write_text(SETTINGS.format(node=node, folder=folder))
    Path("/run/munge").mkdir(exist_ok=True)
    shutil.chown("/run/munge", "munge", "munge")
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in (
            ["setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", "munged", "--foreground", "--force"],
            ["slurmctld", "-D", "-c"],
            ["slurmd", "-D"],
        ):
            with (folder / f"{command[-1]}{len(started)}.out").open("wb") as out:
                started.append(subprocess.Popen(command, stdout=out, stderr=out))
            time.sleep(2)
        _wait_until_idle(folder)
        yield folder / "jobs.txt"
    finally:
        subprocess.run(["scancel", "--full", "--state=RUNNING"], check=False, capture_output=True)
        for process in reversed(started):
            process.terminate()
            process.wait()
        CONFIGURATION.unlink()


def _wait_until_idle(folder: Path) -> None:
    for _ in range(60):
        state = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=False).stdout.strip()
        if state == "idle":
            return
        time.sleep(1)
    logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(folder.glob("*.log")))
    raise RuntimeError(f"the node did not come up ({state!r}):\n{logs}")
