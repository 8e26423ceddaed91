"""Sweeps on a real Slurm of this machine (`make cluster` installs it), started by the tests."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import Run

from denoise import data
from tests.conftest import SMALL, Said, command, ended, free_port, jobs, ran, wait_until
from tests.faults.conftest import (
    ANOTHER_VERSION,
    NO_PACKAGE,
    files,
    history,
    progress_of,
    tensors,
)

NAMES = [f"gaussian σ={sigma}" for sigma in (0.1, 0.2, 0.3, 0.4)]
EPOCHS = 150
LONG = 450  # epochs that take longer than the half minute between Slurm's looks at time limits

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("slurmctld") or not shutil.which("munged"),
        reason="needs root, slurm-wlm and munge: make cluster",
    ),
]


class Slurm:
    """A controller and one node with two cores; all their files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.host = folder, socket.gethostname().partition(".")[0]
        self.processes: dict[str, subprocess.Popen] = {}
        folder.joinpath("slurm.conf").write_text(
            f"ClusterName=test\nSlurmctldHost={self.host}(127.0.0.1)\n"
            f"SlurmUser=root\nSlurmdUser=root\nAuthType=auth/munge\nAuthInfo=socket={folder}/munge\n"
            f"SlurmctldPort={free_port()}\nSlurmdPort={free_port()}\n"
            f"StateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool\n"
            f"SlurmctldPidFile={folder}/ctld.pid\nSlurmdPidFile={folder}/d.pid\n"
            f"SlurmctldLogFile={folder}/ctld.log\nSlurmdLogFile={folder}/d.log\n"
            "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n"
            "JobAcctGatherType=jobacct_gather/none\nSelectType=select/cons_tres\n"
            "SelectTypeParameters=CR_Core\nReturnToService=2\n"
            f"NodeName={self.host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN\n"
            "PartitionName=main Nodes=ALL Default=YES State=UP\n"
        )
        for name in ("state", "spool"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)

    def start(self) -> None:
        places = {
            **{"key-file": "munge.key", "socket": "munge", "pid-file": "munge.pid"},
            **{"log-file": "munge.log", "seed-file": "munge.seed"},
        }
        options = [f"--{name}={self.folder / file}" for name, file in places.items()]
        self._start("munged", "--foreground", "--force", *options)
        wait_until((self.folder / "munge").exists)
        self._start("slurmctld", "-D")
        self._start("slurmd", "-D", "-N", self.host)
        wait_until(lambda: "idle" in self.ask("sinfo", "--noheader"))

    def _start(self, name: str, *options: str) -> None:
        self.processes[name] = subprocess.Popen(
            [name, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def ask(self, *arguments: str) -> str:
        return subprocess.run(arguments, capture_output=True, text=True).stdout

    def restart_controller(self) -> None:
        self.processes["slurmctld"].terminate()
        self.processes["slurmctld"].wait()
        self._start("slurmctld", "-D")
        wait_until(lambda: bool(self.ask("sinfo", "--noheader")))

    def tasks(self) -> dict[str, str]:
        """The state of every job in the queue, by its task number."""
        lines = self.ask("squeue", "--noheader", "--array", "--format=%K %T").splitlines()
        return dict(line.split() for line in lines)

    def of_task(self, task: int) -> str:
        """The job id of a task in the queue."""
        lines = self.ask("squeue", "--noheader", "--array", "--format=%K %i").splitlines()
        return dict(line.split() for line in lines)[str(task)]

    def stop(self) -> None:
        self.ask("scancel", "--user=root", "--signal=KILL", "--full")
        for process in reversed(self.processes.values()):
            process.terminate()
            process.wait()


@pytest.fixture
def slurm(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Slurm]:
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    monkeypatch.setenv("SLURM_CONF", str(cluster.folder / "slurm.conf"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def sweep(
    folder: Path, settings: data.Settings, *arguments: str, epochs: int = EPOCHS
) -> subprocess.Popen[str]:
    """Four runs, one after another or, with the arguments, on Slurm."""
    small = (*SMALL, f"trainer.epochs={epochs}", "noise.sigma=0.1,0.2,0.3,0.4")
    folder.mkdir(exist_ok=True)
    return command(folder, "-m", *small, f"data.root={settings.root}", *arguments)


ON_SLURM = ("hydra/launcher=slurm", "hydra.launcher.mem_gb=null", "hydra.launcher.cpus_per_task=1")


def epoch(folder: Path, task: int) -> int:
    """The epoch of a run of the folder's first sweep; -1 before it began."""
    return next((progress_of(path) for path in sorted(folder.glob(f"outputs/*/{task}"))), -1)


def states(folder: Path) -> list[str]:
    """What `python -m denoise.status` says of the newest sweep's runs, in their order."""
    runs = json.loads(ran(folder, "status", "--json"))["runs"]
    assert [run["name"] for run in runs] == NAMES
    return [run["state"] for run in runs]


def by_name(said: Said) -> dict[str, Run]:
    runs = said.runs("tags.noise = 'gaussian'")
    assert sorted(run.info.run_name for run in runs) == NAMES  # no run twice
    return {run.info.run_name: run for run in runs}


def test_a_sweep_survives_requeues_timeouts_cancelled_jobs_and_a_new_controller(
    slurm: Slurm, settings: data.Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "slurm"
    # Of so short a time limit, submitit counts every end as a time-out: the default allows none.
    process = sweep(folder, settings, *ON_SLURM, "hydra.launcher.timeout_min=10", epochs=LONG)
    wait_until(lambda: min(epoch(folder, 0), epoch(folder, 1)) > 1)
    assert states(folder) == ["RUNNING", "RUNNING", "QUEUED", "QUEUED"]
    requeued, cancelled = slurm.of_task(0), slurm.of_task(1)
    slurm.ask("scontrol", "requeue", requeued)
    slurm.ask("scancel", cancelled)
    wait_until(lambda: min(epoch(folder, 2), epoch(folder, 3)) > 1)
    assert states(folder) == ["QUEUED", "KILLED", "RUNNING", "RUNNING"]
    out_of_time = slurm.of_task(2)
    slurm.ask("scontrol", "update", f"jobid={out_of_time}", "TimeLimit=2")
    slurm.restart_controller()
    wait_until(lambda: slurm.tasks().get("2") == "PENDING")
    for job in (requeued, out_of_time):  # a requeued job waits for two minutes
        slurm.ask("scontrol", "update", f"jobid={job}", "TimeLimit=10", "StartTime=now")
    first = ended(process, folder)
    assert first.status == 1, first.err
    assert (first.out.count("│ FINISHED"), first.out.count("│ KILLED")) == (3, 1), first.out

    again = ended(sweep(folder, settings, *ON_SLURM, epochs=LONG), folder)
    assert again.status == 0, again.err
    assert (again.out.count("│ REUSED"), again.out.count("│ FINISHED")) == (3, 1), again.out
    assert states(folder) == ["FINISHED"] * 4
    other = tmp_path / "alone"
    alone = ended(sweep(other, settings, "hydra/launcher=basic", epochs=LONG), other)
    here, there = by_name(alone), by_name(again)
    for name in NAMES:
        assert history(folder, there[name]) == history(alone.folder, here[name])
        for key, values in tensors(here[name], "last").items():
            assert values.equal(tensors(there[name], "last")[key])


def test_a_requeued_job_resumes_also_if_it_trains_a_finished_run_again(
    slurm: Slurm, settings: data.Settings, tmp_path: Path
) -> None:
    two = ("noise.sigma=0.1,0.2", "force=true", *ON_SLURM)
    process = sweep(tmp_path, settings, *two, epochs=LONG)
    wait_until(lambda: epoch(tmp_path, 0) > 1)
    slurm.ask("scontrol", "requeue", slurm.of_task(0))
    wait_until(lambda: slurm.tasks().get("0") == "PENDING")
    slurm.ask("scontrol", "update", f"jobid={slurm.of_task(0)}", "StartTime=now")
    said = ended(process, tmp_path)
    assert said.status == 0, said.err
    runs = said.runs("tags.noise = 'gaussian'")
    assert sorted(run.info.run_name for run in runs) == NAMES[:2]
    logs = [(files(run) / "denoise.log").read_text() for run in runs]
    assert sum("resumes after epoch" in log for log in logs) == 1


@pytest.mark.parametrize("how", ["SIGKILL", "SIGHUP", "SIGINT", "tracking.wait=false"])
def test_a_sweep_is_submitted_left_and_collected_later(
    slurm: Slurm, settings: data.Settings, tmp_path: Path, how: str
) -> None:
    leaves = how.startswith("tracking")
    process = sweep(tmp_path, settings, *ON_SLURM, *([how] if leaves else []))
    if not leaves:
        wait_until(lambda: epoch(tmp_path, 0) > 1)
        process.send_signal(signal.Signals[how])
    left = ended(process, tmp_path)
    if how in ("SIGINT", "tracking.wait=false"):
        assert "Slurm keeps the jobs that have not ended; the same command waits" in left.out
        assert left.status == (0 if leaves else 128 + signal.SIGINT), left.err
    wait_until(lambda: min(epoch(tmp_path, 0), epoch(tmp_path, 1)) > 1)
    assert states(tmp_path) == ["RUNNING", "RUNNING", "QUEUED", "QUEUED"]
    again = sweep(tmp_path, settings, *ON_SLURM)
    wait_until(lambda: len(list(tmp_path.glob("outputs/*/plan.json"))) == 2)
    assert len(slurm.tasks()) <= 4  # nothing is submitted again
    said = ended(again, tmp_path)
    assert said.status == 0, said.err
    assert "Waiting for 4 runs" in said.out
    assert said.out.count("│ REUSED") == 4, said.out
    assert {run.info.status for run in by_name(said).values()} == {"FINISHED"}
    assert len(jobs(tmp_path)) == 8
    assert len(json.loads(ran(tmp_path, "pull", "--list", "--json"))) == 4


@pytest.mark.usefixtures("slurm")
def test_jobs_from_a_saved_config_begin_also_after_the_command_has_ended(
    settings: data.Settings, tmp_path: Path
) -> None:
    first = command(tmp_path, *SMALL, "trainer.epochs=1", f"data.root={settings.root}")
    assert ended(first, tmp_path).status == 0
    (config,) = tmp_path.glob("outputs/*/config")
    typed = ("-m", "-cp", str(config), "noise.sigma=0.1,0.2", *ON_SLURM)
    left = ended(command(tmp_path, *typed, "tracking.wait=false"), tmp_path)
    assert left.status == 0, left.out + left.err
    said = ended(command(tmp_path, *typed), tmp_path)
    assert said.status == 0, said.out + said.err
    assert said.out.count("│ REUSED") == 2


def test_what_slurm_refuses_is_one_sentence_and_what_it_cannot_start_has_a_reason(
    slurm: Slurm, settings: data.Settings, tmp_path: Path
) -> None:
    said = ended(sweep(tmp_path, settings, *ON_SLURM, "hydra.launcher.partition=fast"), tmp_path)
    assert (said.status, "Traceback" in said.err) == (1, False)
    assert "denoise: sbatch: error: invalid partition specified: fast" in said.err
    slurm.ask("scontrol", "update", f"nodename={slurm.host}", "state=drain", "reason=repair")
    elsewhere = (*ON_SLURM, "tracking.wait=false", "trainer.device=cuda")  # nodes may have a GPU
    left = ended(sweep(tmp_path, settings, *elsewhere), tmp_path)
    assert left.status == 0, left.err
    wait_until(lambda: "Pending in Slurm: " in ran(tmp_path, "status"))
    assert "Nodes required for job are DOWN, DRAINED" in ran(tmp_path, "status")


@pytest.mark.usefixtures("slurm")
@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        (
            *ANOTHER_VERSION,
            f"{socket.gethostname()} has version 9.9 of denoise, and the machine of the command ",
        ),
        (
            *NO_PACKAGE,
            "4 of 4 runs did not begin: ModuleNotFoundError: No module named 'denoise' (see ",
        ),
    ],
    ids=["another version", "no package"],
)
def test_a_machine_without_the_package_or_with_another_version_is_named_before_training(
    settings: data.Settings, tmp_path: Path, file: str, text: str, sentence: str
) -> None:
    (tmp_path / "other" / file).parent.mkdir(parents=True)
    (tmp_path / "other" / file).write_text(text)
    there = f"hydra.launcher.setup=['export PYTHONPATH={tmp_path}/other:$PYTHONPATH']"
    said = ended(sweep(tmp_path, settings, *ON_SLURM, there), tmp_path)
    assert said.status == 1
    assert sentence in said.out
    assert said.runs("tags.noise = 'gaussian'") == []
