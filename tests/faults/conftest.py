"""What faults are done to, a small run and a server; and the table that `make faults` ends with."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run
from rich.console import Console
from rich.table import Table

from denoise import checkpoint, data
from denoise.tracking import records
from denoise.tracking.files import UNFINISHED
from tests.conftest import SMALL, Said, answering, clean_environment, command, free_port, jobs

SURVIVED = "survived"
# Files that, first on the import path, hide the package or give it another version.
NO_PACKAGE = (
    "denoise.py",
    "raise ModuleNotFoundError(\"No module named 'denoise'\", name='denoise')",
)
ANOTHER_VERSION = (
    "denoise-9.9.dist-info/METADATA",
    "Metadata-Version: 2.1\nName: denoise\nVersion: 9.9\n",
)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of floats come out the same only in the same number of threads."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)


@pytest.fixture
def start(settings: data.Settings, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts the command on a small run, in one folder; ends what is left of it."""
    processes = []

    def begin(
        *arguments: str, folder: Path = tmp_path, within: Sequence[str] = ()
    ) -> subprocess.Popen:
        folder.mkdir(exist_ok=True)
        small = (*arguments, *SMALL, f"data.root={settings.root}")
        process = command(folder, *small, within=within)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def epoch(folder: Path, known: int = 0) -> int:
    """The epoch that the newest command's first run is at; -1 before there is one."""
    return min((len(contents.epochs) for contents in jobs(folder)[known:]), default=-1)


def progress_of(folder: Path) -> int:
    """The epoch that the run whose folder this is is at; -1 before there is one."""
    contents = records.read(folder)
    return len(contents.epochs) if contents else -1


def client(folder: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")


def the_run(said: Said) -> Run:
    (run,) = said.runs("tags.noise = 'gaussian'")
    return run


def files(run: Run) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://"))


def history(folder: Path, run: Run) -> dict[str, list[tuple[int, float]]]:
    """Every metric's steps and values as they were logged, but for what a clock measured."""
    return {
        key: [
            (point.step, 0.0 if key.startswith("time/") else point.value)
            for point in client(folder).get_metric_history(run.info.run_id, key)
        ]
        for key in run.data.metrics
    }


def tensors(run: Run, name: str) -> dict[str, torch.Tensor]:
    return checkpoint.load(files(run) / "checkpoints" / f"{name}.safetensors")[0]


def pictures(run: Run) -> Counter[str]:
    """How often each picture of MLflow's image grids is there, by key and step."""
    paths = (files(run) / "images").glob("*.webp")
    return Counter(re.split(r".timestamp", path.name)[0] for path in paths)


def names(run: Run) -> set[str]:
    """The other files of a run, without what MLflow leaves of an upload that was killed."""
    paths = [path.relative_to(files(run)) for path in files(run).rglob("*")]
    whole = [path for path in paths if not path.name.startswith(UNFINISHED)]
    return {str(path) for path in whole if path.parts[0] != "images"}


class Server:
    """An MLflow server on loopback, with a store of its own, that can go and come back."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None
        self.log = folder / "server.log"
        folder.mkdir()

    def start(self, *options: str, **environment: str) -> None:
        port = ("--port", str(self.port), "--workers", "1")
        record = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **environment}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *port, *options],
                cwd=self.folder,
                env=clean_environment() | record,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        answering(self.port, "/health")

    def stop(self) -> None:
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that has not started yet."""
    server = Server(tmp_path / "server")
    yield server
    server.stop()


@pytest.fixture
def survived(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says, in the table, what was done and what came of it."""
    return lambda said: record_property(SURVIVED, said)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.option.markexpr == "not faults":
        return
    table = Table("fault", "test", "what was done and seen", "seconds", header_style="bold")
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.getreports(outcome):
            if not isinstance(report, pytest.TestReport):  # a module skipped as a whole
                continue
            if report.when == "call" or outcome == "skipped":
                said = dict(report.user_properties).get(SURVIVED, "")
                name = report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")
                table.add_row(name, outcome, said, f"{report.duration:.0f}")
    Console(width=160).print(table)
