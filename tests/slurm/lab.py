"""A real SLURM on this one machine for tests: one node, declared cores and memory, GPUs that are null devices.

No systemd, no cgroups, no accounting database. So time limits and GPU assignments are SLURM's own, and memory limits
are enforced by its once-a-second look at what a job's processes hold, not by the kernel.
"""

import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SYSTEM = Path("/etc/slurm")
"""Where SLURM was compiled to look: srun inside a job loses SLURM_CONF, so the configuration must stand here too."""
FILES = ("slurm.conf", "gres.conf", "cgroup.conf")
PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
NODE = "node01"

SLURM_CONF = """\
ClusterName=uphill
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={slurmd_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
ProctrackType=proctrack/pgid
TaskPlugin=task/none
TaskProlog={folder}/prolog
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=5
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
KillWait=2
NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} Boards=1 SocketsPerBoard=1 CoresPerSocket={cpus} \
ThreadsPerCore=1 RealMemory={mem_mb} Gres=gpu:null:{gpus} State=UNKNOWN
PartitionName=cpu Nodes={node} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={node} MaxTime=INFINITE State=UP
"""

PROLOG = """\
#!/bin/sh
# What each task of each job sees, on a line: job, step, GPUs.
echo "$SLURM_JOB_ID ${{SLURM_STEP_ID:-batch}} ${{CUDA_VISIBLE_DEVICES:-none}}" >> {folder}/tasks
"""


class NoLab(Exception):
    """Why SLURM cannot be raised here."""


@dataclass(frozen=True)
class Job:
    """One SLURM job as the controller recalls it. Times are seconds since the epoch, memory MB, limits minutes."""

    number: int
    rule: str
    state: str
    partition: str
    gpus: int
    gpu_type: str
    mem_mb: int
    minutes: int
    start: float
    end: float

    def overlaps(self, other: "Job") -> bool:
        """Whether both ran at some moment."""
        return max(self.start, other.start) < min(self.end, other.end)


@dataclass
class Lab:
    """SLURM's daemons, as children of this process.

    Attributes:
        folder: configuration, state and logs.
        gpus, cpus, mem_mb: what the node declares, whatever the machine has.
    """

    folder: Path
    gpus: int = 6
    cpus: int = 16
    mem_mb: int = 64_000
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def jobs(self) -> list[Job]:
        """Every job so far, oldest first."""
        shown = _output("scontrol", "show", "job", "--oneliner")
        records = [_fields(line) for line in shown.splitlines() if line.startswith("JobId=")]
        return sorted((_job(record) for record in records), key=lambda job: job.number)

    def seen(self) -> dict[int, list[str]]:
        """GPUs that the work of each job saw: those of its first step, which the executor starts inside the job."""
        lines = (line.split() for line in (self.folder / "tasks").read_text().splitlines())
        steps = {int(job): gpus for job, step, gpus in lines if step == "0"}
        return {job: [] if gpus == "none" else gpus.split(",") for job, gpus in steps.items()}

    def start(self) -> None:
        """Raise the daemons, one after the other.

        Raises:
            NoLab: one did not come up.
        """
        self._configure()
        self._daemon(
            ["munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket"]
            + [f"--{name}-file={self.folder}/munge.{name}" for name in ("key", "pid", "log", "seed")],
            lambda: _runs("munge", "-n", "-S", f"{self.folder}/munge.socket"),
        )
        self._daemon(["slurmctld", "-D"], lambda: _runs("scontrol", "ping"))
        self._daemon(["slurmd", "-D", "-N", NODE], lambda: "idle" in _output("sinfo", "-h", "-n", NODE, "-o", "%T"))

    def requeue(self, number: int) -> None:
        """Take a job's machine away, as for a job of more weight, and let it wait for its turn again."""
        subprocess.run(["scontrol", "requeue", str(number)], check=True, timeout=20)

    def restarts(self) -> dict[int, int]:
        """How often each job began anew."""
        shown = map(_fields, _output("scontrol", "show", "job", "--oneliner").splitlines())
        return {int(record["JobId"]): int(record["Restarts"]) for record in shown if "JobId" in record}

    def kill_controller(self) -> None:
        """SIGKILL to the scheduler; its jobs live on with the node's daemon."""
        self.daemons[1].kill()
        self.daemons[1].wait(20)

    def raise_controller(self) -> None:
        """The scheduler again, from the state that the one before it wrote down.

        Raises:
            NoLab: it did not come up.
        """
        self._daemon(["slurmctld", "-D"], lambda: _runs("scontrol", "ping"))
        self.daemons[1] = self.daemons.pop()

    def has_saved(self, moment: float) -> bool:
        """Whether the scheduler has written down what it knew at a moment, in seconds since the epoch; waits for it.

        One that is killed before it has written that a job started would start it twice, and drain the node.
        """
        state = self.folder / "state/job_state"
        return _until(lambda: state.exists() and state.stat().st_mtime > moment + 1, 30)

    def stop(self) -> None:
        """End all jobs and daemons, and leave the system's folder as it was."""
        if self.daemons:
            subprocess.run(["scancel", "--full", "--user", "root"], capture_output=True, timeout=20)
            _until(lambda: not _output("squeue", "-h"), 10)
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
        for name in FILES:
            if (SYSTEM / name).is_symlink() and (SYSTEM / name).readlink() == self.folder / name:
                (SYSTEM / name).unlink()

    def _configure(self) -> None:
        for name in ("state", "spool", "dev"):
            (self.folder / name).mkdir(parents=True)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        for gpu in range(self.gpus):
            os.mknod(self.folder / f"dev/nvidia{gpu}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        port, slurmd_port = _free_ports(2)
        texts: dict[str, Any] = {
            "slurm.conf": SLURM_CONF.format(
                **{name: getattr(self, name) for name in ("folder", "gpus", "cpus", "mem_mb")},
                host=socket.gethostname().split(".")[0],
                node=NODE,
                port=port,
                slurmd_port=slurmd_port,
            ),
            "gres.conf": f"AutoDetect=off\nNodeName={NODE} Name=gpu Type=null "
            f"File={self.folder}/dev/nvidia[0-{self.gpus - 1}]\n",
            "cgroup.conf": "",
            "prolog": PROLOG.format(folder=self.folder),
        }
        for name, text in texts.items():
            (self.folder / name).write_text(text)
        (self.folder / "prolog").chmod(0o755)
        SYSTEM.mkdir(exist_ok=True)
        for name in FILES:
            (SYSTEM / name).symlink_to(self.folder / name)

    def _daemon(self, command: Sequence[str], ready: Callable[[], bool]) -> None:
        with (self.folder / f"{command[0]}.out").open("wb") as out:
            self.daemons.append(subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT))
        if not _until(ready, 30):
            said = (self.folder / f"{command[0]}.out").read_text(errors="replace")[-2000:]
            raise NoLab(f"{command[0]} did not come up: {said}")


@contextmanager
def raised(folder: Path) -> Iterator[Lab]:
    """A running lab, ended at the end.

    Raises:
        NoLab: this machine lacks what it needs, or is a node of a cluster itself.
    """
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise NoLab(f"no {', '.join(missing)}; apt-get install slurmctld slurmd slurm-client munge")
    if os.getuid() != 0:
        raise NoLab("SLURM's daemons need root")
    taken = [str(SYSTEM / name) for name in FILES if (SYSTEM / name).exists()]
    if taken:
        raise NoLab(f"{taken[0]} belongs to another SLURM")
    for name in FILES:
        (SYSTEM / name).unlink(missing_ok=True)  # a link of a lab whose folder is gone
    lab = Lab(folder)
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


def _fields(line: str) -> dict[str, str]:
    """`Key=value` pairs; values with spaces are not among those used."""
    return dict(pair.split("=", 1) for pair in line.split() if "=" in pair)


def _job(record: dict[str, str]) -> Job:
    asked = record.get("TresPerJob", "").removeprefix("gres:gpu:").split(":")
    return Job(
        number=int(record["JobId"]),
        rule=record.get("Comment", ""),
        state=record["JobState"],
        partition=record["Partition"],
        gpus=int(asked[-1] or 0),
        gpu_type=asked[0] if len(asked) == 2 else "",
        mem_mb=_megabytes(record.get("MinMemoryNode", "0")),
        minutes=_minutes(record["TimeLimit"]),
        start=_seconds(record["StartTime"]),
        end=_seconds(record["EndTime"]),
    )


def _megabytes(text: str) -> int:
    """SLURM prints `1500M` and, where it is whole, `2G`."""
    unit = {"M": 1, "G": 1024, "T": 1024**2}.get(text[-1])
    return round(float(text[:-1]) * unit) if unit else int(text)


def _minutes(text: str) -> int:
    """SLURM prints `1-02:03:00`; the day only if there is one."""
    days, _, rest = text.rpartition("-")
    hours, minutes, _ = map(int, rest.split(":"))
    return (int(days or 0) * 24 + hours) * 60 + minutes


def _seconds(text: str) -> float:
    return 0.0 if text == "Unknown" else time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout


def _runs(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, timeout=20).returncode == 0


def _until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.1)
    return False
