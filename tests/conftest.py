"""Real data, real stores, the real command: what the tests share.

The process that hands tests out to others reads this first, while they wait: what is heavy is
imported where it is used.
"""

import contextlib
import gc
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from denoise.__main__ import main

if TYPE_CHECKING:
    from mlflow.entities import Run

    from denoise import data, evaluate
    from denoise.config.settings import Tracking
    from denoise.tracking.records import Contents, Record

gc.set_threshold(20_000)  # as in the command, and for the same reason

ROOT = Path(__file__).parents[1]
# A run that is over as soon as can be, but for its epochs.
SMALL = (
    "trainer=smoke",
    "data.train_size=512",
    "data.test_size=600",
    "evaluation.tsne_codes=200",
    "evaluation.map_seed=9",
)
# A sweep of three, and one that ends before it.
SWEEPS = (
    ("trainer=smoke", "noise=gaussian", "noise.sigma=0,0.1,0.5"),
    (*SMALL, "noise=none", "trainer.epochs=1"),
)
SWEPT = "params.trainer.epochs = '2'"  # chooses the runs of the first


@pytest.fixture(scope="session")
def settings() -> "data.Settings":
    """Fashion-MNIST in the checkout's own `data/`, fetched at the first need."""
    from denoise import data, fetch

    node = OmegaConf.load(ROOT / "conf" / "data" / "fashion_mnist.yaml")
    settings = data.Settings(**{**node, "root": str(ROOT / "data")})
    fetch.fetch(settings)
    return settings


@pytest.fixture(scope="session")
def images(settings: "data.Settings") -> "data.Data":
    import torch

    from denoise import data

    return data.load(settings, torch.device("cpu"))


@pytest.fixture
def composed() -> Callable[..., DictConfig]:
    """The config that the command would compose from these overrides."""

    def compose_config(*overrides: str) -> DictConfig:
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            cfg = compose("config", list(overrides), return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        return OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"])

    return compose_config


@pytest.fixture
def evaluation(composed: Callable[..., DictConfig]) -> "evaluate.Settings":
    """The default evaluation."""
    from denoise.config import compose

    return compose.checked(composed()).evaluation


@dataclass
class Said:
    """What a command left behind: exit status, screen, and the folder it ran in."""

    status: int
    out: str
    err: str
    folder: Path

    def runs(self, where: str = "") -> "list[Run]":
        """The runs in the folder's store, newest first; none where no store was made."""
        from mlflow import MlflowClient

        if not (self.folder / "mlflow.db").exists():
            return []
        client = MlflowClient(f"sqlite:///{self.folder / 'mlflow.db'}")
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        return list(client.search_runs(experiments, where))

    def nothing_began(self, empty_store: Path) -> bool:
        """Whether the folder is as it was: without outputs, and its store, if any, not opened."""
        files = [path.name for path in self.folder.iterdir()]
        store = self.folder / "mlflow.db"
        return files == [] or (
            files == [store.name] and store.read_bytes() == empty_store.read_bytes()
        )


def command(folder: Path, *arguments: str, within: Sequence[str] = ()) -> subprocess.Popen[str]:
    """`python -m denoise` in a process, and a process group, of its own; `within` starts it."""
    return subprocess.Popen(
        [*within, sys.executable, "-m", "denoise", *arguments],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_default_signals,
    )


def _default_signals() -> None:
    """In a script's background or under nohup, the tests ignore signals: not so the command."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def ended(process: subprocess.Popen[str], folder: Path) -> Said:
    out, err = process.communicate(timeout=600)
    return Said(process.returncode, out, err, folder)


def clean_environment() -> dict[str, str]:
    """An activated one, without the store that MLflow put there when a test here opened it."""
    ours = ("MLFLOW_TRACKING_URI", "FORCE_COLOR", "HYDRA_FULL_ERROR")
    kept = {key: value for key, value in os.environ.items() if key not in ours}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def jobs(folder: Path) -> "list[Contents]":
    """The records of the jobs that commands started in `folder`, the first command's first."""
    from denoise.tracking import records

    paths = [path for depth in ("*", "*/*") for path in folder.glob(f"outputs/{depth}/record.json")]
    found = [records.read(path.parent) for path in sorted(paths)]
    return [contents for contents in found if contents and contents.fields.get("job")]


@contextlib.contextmanager
def tracked(
    settings: "Tracking", folder: Path, name: str = "a run", **options: Any
) -> "Iterator[Record]":
    """The record of an open run in `folder`, which is created if it does not exist."""
    from denoise.tracking import records, session

    folder.mkdir(parents=True, exist_ok=True)
    with (
        records.opened(folder) as record,
        session.opened(record, settings, name=name, **{"tags": {}, **options}),
    ):
        yield record


def ran(folder: Path, module: str, *arguments: str) -> str:
    """What `python -m denoise.<module>` prints in the folder; it must succeed."""
    return subprocess.run(
        [sys.executable, "-m", f"denoise.{module}", *arguments],
        cwd=folder,
        env=clean_environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def group_is_alive(group: int) -> bool:
    """Whether a process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def forget_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo MLflow's memory of the last store, in a variable of its own and the environment."""
    import mlflow

    mlflow.set_tracking_uri(None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with nothing in it, to be copied: MLflow takes longer to make one than to use it.

    What was just made is partly in a second file beside it, so it is first put into one.
    """
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("store")
    MlflowClient(f"sqlite:///{folder / 'made.db'}").search_experiments()
    with contextlib.closing(sqlite3.connect(folder / "made.db")) as made:
        made.execute(f"VACUUM INTO '{folder / 'mlflow.db'}'")
    return folder / "mlflow.db"


@pytest.fixture
def fresh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_store: Path) -> Path:
    """The folder that a test is in, which has nothing but a store with nothing in it."""
    shutil.copy(empty_store, tmp_path)
    monkeypatch.chdir(tmp_path)
    forget_store(monkeypatch)
    return tmp_path


@pytest.fixture
def cli(
    fresh_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """The command in this process: quick, as everything is imported."""

    import torch

    def run(*arguments: str, folder: Path = fresh_folder) -> Said:
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        forget_store(monkeypatch)
        monkeypatch.setattr(sys, "argv", ["denoise", *arguments])
        message = ""
        try:
            status = main()
        except SystemExit as stop:
            status, message = (stop.code, "") if isinstance(stop.code, int) else (1, str(stop.code))
        finally:
            GlobalHydra.instance().clear()
            del os.environ["HYDRA_FULL_ERROR"]  # set by the command
        torch.set_flush_denormal(False)  # other tests of this process draw denormal numbers
        screen = capfd.readouterr()
        return Said(status, screen.out, screen.err + message, folder)

    return run


@pytest.fixture(scope="session")
def sweeps(
    settings: "data.Settings", tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> list[Said]:
    """Two sweeps, launched at once in a folder that had nothing: `SWEEPS`, finished.

    The first of pytest's workers that needs them makes them, and the others wait for it.
    """
    record = tmp_path_factory.getbasetemp()
    shared = record if worker_id == "master" else record.parent
    folder, made = shared / "sweeps", shared / "sweeps.json"
    with FileLock(shared / "sweeps.lock"):
        if not made.exists():
            folder.mkdir()
            root = f"data.root={settings.root}"
            both = [command(folder, "-m", *arguments, root) for arguments in SWEEPS]
            said = [ended(process, folder) for process in both]
            left = [[one.status, one.out, one.err] for one in said]
            made.write_text(json.dumps(left), encoding="utf-8")
    return [Said(*one, folder) for one in json.loads(made.read_text(encoding="utf-8"))]


@pytest.fixture(scope="session")
def sweep(sweeps: list[Said]) -> Said:
    """The sweep of three runs of gaussian noise, on all cores; the newest of its folder."""
    said = sweeps[0]
    assert said.status == 0, f"{said.out}\n{said.err}"
    return said


def pulled_from(sweep: Said, folder: Path, *arguments: str) -> Path:
    """The best run of a sweep, pulled by the command into `folder`, from elsewhere."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    store = f"sqlite:///{sweep.folder / 'mlflow.db'}"
    subprocess.run(
        [sys.executable, "-m", "denoise.pull", "--tracking-uri", store, "--to", folder, *arguments],
        cwd=folder.parent,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


@contextlib.contextmanager
def background(*arguments: str, folder: Path) -> Iterator[None]:
    """An MLflow command in a process group of its own, ended with the block.

    Without MLflow's own jobs, which nothing here asks for: more processes, slow to start.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *arguments],
        cwd=folder,
        env=clean_environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def answering(port: int, path: str) -> str:
    """The address of a server on loopback, once it answers."""
    address = f"http://127.0.0.1:{port}"

    def healthy() -> bool:
        try:
            with urllib.request.urlopen(address + path) as answer:
                return answer.status == 200
        except OSError:
            return False

    wait_until(healthy)
    return address
