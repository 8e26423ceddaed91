"""A Ray cluster of machines, each with a network, processes, a name and a folder of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from denoise import data
from tests.conftest import SMALL, clean_environment, command, ended, jobs, ran, wait_until
from tests.faults.conftest import ANOTHER_VERSION, NO_PACKAGE, Server, epoch

pytest.importorskip("ray", reason="Ray is not installed: make cluster")

Survived = Callable[[str], None]
Start = Callable[..., "Machine"]
NETWORK = "10.77.0"
EPOCHS = 60
SWEEP = ("-m", "hydra/launcher=ray", *SMALL, f"trainer.epochs={EPOCHS}")
RAY = (sys.executable, "-m", "ray.scripts.scripts")


class Machine:
    """Machine `number` of the network, a node of a Ray cluster until it is killed; 2 is its head.

    `packages` is a folder that comes first on its import path.
    """

    def __init__(self, number: int, folder: Path, packages: Path) -> None:
        self.name, self.folder = f"denoise{number}", folder
        self.launched: list[subprocess.Popen[str]] = []
        self._connect(f"{NETWORK}.{number}/24")
        role = ("--head", "--port=6379", "--include-dashboard=false")
        start = (
            *(*RAY, "start", "--block", "--num-cpus=1", "--disable-usage-stats"),
            f"--node-ip-address={NETWORK}.{number}",
            *(role if number == 2 else (f"--address={NETWORK}.2:6379",)),
        )
        script = (
            f"hostname {self.name} && mount --bind {folder}/ray /tmp/ray && exec {' '.join(start)}"
        )
        own = ("--uts", "--pid", "--mount-proc", "--fork", "--kill-child")
        path = os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")])
        with (folder / "ray.log").open("w") as log:
            self.first = subprocess.Popen(
                ["ip", "netns", "exec", self.name, "unshare", *own, "sh", "-c", script],
                cwd=folder,
                env=clean_environment() | {"PYTHONPATH": path, "RAY_AUTH_MODE": "token"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: "Ray runtime started" in (folder / "ray.log").read_text())

    def _connect(self, address: str) -> None:
        ip("netns", "add", self.name)
        ip("link", "add", self.name, "type", "veth", "peer", "eth0", "netns", self.name)
        ip("link", "set", self.name, "master", "denoise0", "up")
        ip("-n", self.name, "addr", "add", address, "dev", "eth0")
        for device in ("lo", "eth0"):
            ip("-n", self.name, "link", "set", device, "up")

    def run(self, *arguments: str) -> subprocess.Popen[str]:
        """The command, typed on this machine in a folder of its own."""
        folder = self.folder.with_name("launching")
        if not folder.exists():
            folder.mkdir()
            (folder / "data").symlink_to((self.folder / "data").resolve())
        shell = Path(f"/proc/{self.first.pid}/task/{self.first.pid}/children").read_text().strip()
        within = ("nsenter", f"--target={shell}", "--all", f"--wdns={folder}")
        self.launched.append(command(folder, *arguments, within=within))
        return self.launched[-1]

    def trains(self) -> bool:
        """Whether a process of a run is alive."""
        pids = subprocess.check_output(["ip", "netns", "pids", self.name], text=True).split()
        return any(b"ray::_run" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)

    def kill(self) -> None:
        """End all its processes; its network still says that they are gone."""
        self.first.kill()
        self.first.wait()

    def remove(self) -> None:
        self.kill()
        for process in self.launched:
            process.communicate()
        ip("link", "delete", self.name)
        ip("netns", "delete", self.name)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@pytest.fixture
def machine(
    tmp_path: Path, settings: data.Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Starts machines by their number, in a network in which this machine is number 1."""
    monkeypatch.setenv("HOME", str(tmp_path))
    subprocess.run([*RAY, "get-auth-token", "--generate"], check=True, stdout=subprocess.DEVNULL)
    Path("/tmp/ray").mkdir(exist_ok=True)
    ip("link", "add", "denoise0", "type", "bridge")
    ip("addr", "add", f"{NETWORK}.1/24", "dev", "denoise0")
    ip("link", "set", "denoise0", "up")
    machines = []

    def start(number: int, packages: Path = tmp_path) -> Machine:
        folder = tmp_path / f"machine{number}"
        (folder / "ray").mkdir(parents=True)
        (folder / "data").symlink_to(settings.root)
        machines.append(Machine(number, folder, packages))
        return machines[-1]

    yield start
    for each in machines:
        each.remove()
    ip("link", "delete", "denoise0")


@pytest.fixture
def uri(server: Server) -> str:
    """The override for a store that all machines reach."""
    server.start("--host", "0.0.0.0")
    return f"tracking.uri=http://{NETWORK}.1:{server.port}"


def runs(uri: str) -> list[Run]:
    """The training runs, in the order of their ids."""
    client = MlflowClient(uri.partition("=")[2])
    experiment = client.get_experiment_by_name("denoise").experiment_id
    found = client.search_runs([experiment], "tags.kind = 'training'")
    return sorted(found, key=lambda run: run.info.run_id)


def states(folder: Path, uri: str) -> list[str]:
    """What `python -m denoise.status`, typed on this machine, shows of the newest sweep's runs."""
    shown = ran(folder, "status", "--json", "--tracking-uri", uri.partition("=")[2])
    return [run["state"] for run in json.loads(shown)["runs"]]


@pytest.mark.faults
def test_a_sweep_survives_its_node_and_its_launching_process(
    machine: Start, uri: str, survived: Survived
) -> None:
    head, node = machine(2), machine(3)
    said = ended(head.run(*SWEEP, "seed=1,2", "tracking.uri=sqlite:///own.db"), head.folder)
    assert said.status == 1
    assert "own.db is a file of this machine, which denoise3 cannot use" in said.err
    launching = head.run(*SWEEP, "seed=1,2", uri)
    wait_until(lambda: min(epoch(head.folder), epoch(node.folder)) >= 3)
    before = runs(uri)
    node.kill()
    said = ended(launching, head.folder)
    assert said.status == 0, said.out + said.err
    assert_whole(runs(uri), before, uri)

    known = len(jobs(head.folder))
    launching = head.run(*SWEEP, "seed=1,2,3", uri)
    wait_until(lambda: epoch(head.folder, known) >= 3)
    assert states(head.folder, uri) == ["FINISHED", "FINISHED", "RUNNING"]
    os.killpg(launching.pid, signal.SIGKILL)
    launching.communicate()
    wait_until(lambda: not head.trains())
    assert states(head.folder, uri) == ["FINISHED", "FINISHED", "LOST"]
    before = runs(uri)
    said = ended(head.run(*SWEEP, "seed=1,2,3", uri), head.folder)
    assert said.status == 0, said.out + said.err
    assert "Traceback" not in said.out + said.err
    assert_whole(runs(uri), before, uri)
    assert all(f"seed={seed} " in said.out for seed in (1, 2, 3))
    survived("a node and the launching process killed; the same command, the same runs, one table")


def assert_whole(after: list[Run], before: list[Run], uri: str) -> None:
    """The same runs are finished now, with each epoch once."""
    assert [run.info.run_id for run in after] == [run.info.run_id for run in before]
    client = MlflowClient(uri.partition("=")[2])
    for run in after:
        assert run.info.status == "FINISHED"
        points = client.get_metric_history(run.info.run_id, "train/loss")
        assert [point.step for point in points] == list(range(1, EPOCHS + 1))


@pytest.mark.faults
@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        (*ANOTHER_VERSION, "denoise2 has version 9.9 of denoise, and the machine of the command "),
        (*NO_PACKAGE, "denoise2 cannot train: No module named 'denoise'; install denoise"),
    ],
    ids=["another version", "no package"],
)
def test_a_node_without_the_package_or_with_another_version_is_named_before_training(
    machine: Start, uri: str, tmp_path: Path, file: str, text: str, sentence: str
) -> None:
    (tmp_path / "other" / file).parent.mkdir(parents=True)
    (tmp_path / "other" / file).write_text(text)
    head = machine(2, packages=tmp_path / "other")
    said = ended(head.run(*SWEEP, "seed=1,2", uri), head.folder)
    assert said.status == 1
    assert sentence in said.err
    assert "Traceback" not in said.out + said.err
    assert runs(uri) == []
