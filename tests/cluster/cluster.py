"""A SLURM cluster on this machine: munged, slurmctld and a slurmd for each of two nodes, in a folder of their own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "scancel", "squeue")
CONFIGURATION = """
ClusterName=stylenet
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=1
JobRequeue=1
KillWait=30
SchedulerParameters=requeue_delay=1,sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
NodeName={host} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=8000 State=UNKNOWN
NodeName={second} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes={host} MaxTime=INFINITE State=UP PriorityTier=10
PartitionName=pair Nodes={host},{second} MaxTime=INFINITE State=UP PriorityTier=1
"""
SECOND = "localhost"
"""The second node: ranks find each other by the name of a node, which must lead to this machine."""


def missing() -> str | None:
    """Return why there can be no cluster here, None if there can."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    absent = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    if absent:
        return f"no {', '.join(absent)}: apt-get install slurm-wlm munge"
    return None if os.geteuid() == 0 else "a cluster is started by root"


class Cluster:
    """A running cluster.

    Args:
        folder: Of its configuration, state and logs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.host = folder, socket.gethostname()
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "OMP_NUM_THREADS": "1",  # else a rank alone on its node has more than one of two, and other last digits
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
        }

    def call(self, *command: str | Path, cwd: Path | None = None) -> str:
        """Run one of SLURM's commands and return what it prints."""
        done = subprocess.run(command, env=self.environment, cwd=cwd, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def job(self, number: str) -> dict[str, str]:
        """Return what SLURM knows of a job: JobState, Restarts, ExitCode and more."""
        words = self.call("scontrol", "show", "job", number).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
            time.sleep(0.1)

    def start_node(self, name: str) -> subprocess.Popen[bytes]:
        """Start slurmd, and wait until the node takes jobs."""
        process = subprocess.Popen(["slurmd", "-D", "-N", name], env=self.environment)
        self.wait(lambda: "IDLE" in self.call("scontrol", "show", "node", name), 60, "the node")
        return process


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """Give a cluster as long as the block lasts."""
    cluster = Cluster(folder)
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    configuration = CONFIGURATION.format(host=cluster.host, second=SECOND, folder=folder, ports=ports)
    (folder / "slurm.conf").write_text(configuration)
    (folder / "munge.key").write_bytes(os.urandom(64))
    (folder / "munge.key").chmod(0o400)
    for name in ("state", f"spool-{cluster.host}", f"spool-{SECOND}"):
        (folder / name).mkdir()
    munged = ["munged", "--foreground", "--force", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket"]
    munged += [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "log", "seed")]
    with ExitStack() as stack:
        for command in (munged, ["slurmctld", "-D"]):
            process = stack.enter_context(subprocess.Popen(command, env=cluster.environment))
            stack.callback(process.terminate)
            time.sleep(1)
        cluster.wait(lambda: (folder / "munge.socket").exists(), 20, "munge")
        nodes = [cluster.start_node(name) for name in (cluster.host, SECOND)]
        try:
            yield cluster
        finally:
            cluster.call("scancel", "--user=root")
            cluster.wait(lambda: not cluster.call("squeue", "--noheader"), 60, "the end of all jobs")
            for node in nodes:
                node.kill()
                node.wait()
