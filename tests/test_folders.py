"""Where runs write: only in folders that the user chose, and never over the user's own files."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import denoise
from denoise import compare, data, pull, study
from denoise.command import run as run_command
from denoise.errors import UserError
from denoise.runs import sweep
from denoise.tracking import records
from tests.conftest import ROOT, SMALL, Said, clean_environment, command, ended, ran

Cli = Callable[..., Said]


@pytest.fixture
def small(settings: data.Settings) -> tuple[str, ...]:
    return (*SMALL, "trainer.epochs=1", f"data.root={settings.root}")


def test_the_users_files_in_the_run_folder_are_neither_deleted_nor_uploaded(
    cli: Cli, small: tuple[str, ...], fresh_folder: Path
) -> None:
    mine = ("model/notes", "state/mine.safetensors", "figures/mine.png", "mine.log")
    for name in mine:
        (fresh_folder / name).parent.mkdir(exist_ok=True)
        (fresh_folder / name).write_text(name)
    said = cli(*small, "hydra.run.dir=.")
    assert said.status == 0, said.err
    assert [(fresh_folder / name).read_text() for name in mine] == list(mine)
    stored = {path.name for path in (fresh_folder / "mlruns").rglob("*")}
    assert "MLmodel" in stored
    assert stored.isdisjoint(Path(name).name for name in mine)


def test_a_sweep_is_refused_before_training_where_it_would_overwrite_a_users_file(
    cli: Cli, small: tuple[str, ...], fresh_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = ("-m", "hydra/launcher=basic", "hydra.sweep.dir=.")
    for name in ("sweep.csv", "comparison.md"):
        (fresh_folder / name).write_text("mine")
        said = cli(*launcher, *small)
        assert f"{name} exists and is not a file of this run" in said.err
        assert said.runs() == []
        assert (fresh_folder / name).read_text() == "mine"
        (fresh_folder / name).unlink()
    with monkeypatch.context() as patch:  # a sweep's own page is known, even if it ends right after
        patch.setattr(sweep, "_sum_up", lambda *_: sys.exit(3))
        assert cli(*launcher, *small).status == 3
    assert (fresh_folder / "comparison.md").exists()
    said = cli(*launcher, *small)
    assert said.status == 0, said.err


def test_in_a_folder_with_a_run_the_same_config_is_reused_and_another_is_refused(
    cli: Cli, small: tuple[str, ...]
) -> None:
    there = (*small, "hydra.run.dir=mine")
    assert cli(*there).status == 0
    said = cli(*there)
    assert (said.status, "│ REUSED" in said.out) == (0, True), said.err
    said = cli(*there, "seed=3")
    assert said.status == 1
    assert said.err.startswith("denoise: mine holds another run, 'gaussian σ=1")
    assert "choose another folder with hydra.run.dir" in said.err
    assert len(said.runs()) == 1


@pytest.mark.parametrize(
    "name",
    [*(pytest.param(name, marks=pytest.mark.faults) for name in ("my project", "a%20b?c")), "ü #"],
)
def test_a_folder_with_unusual_letters_gets_no_sibling(
    small: tuple[str, ...], tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "denoise", *small],
        cwd=tmp_path / name,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert "Browse: mlflow ui, then" in done.stdout


@pytest.mark.parametrize("where", ["null", ".hydra"])
def test_a_run_can_be_pulled_wherever_hydra_writes_its_config(
    cli: Cli, small: tuple[str, ...], where: str
) -> None:
    said = cli(*small, f"hydra.output_subdir={where}")
    assert said.status == 0, said.err
    (run,) = said.runs()
    artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
    assert {"config.yaml", "overrides.yaml"} == {
        path.name for path in (artifacts / "config").iterdir()
    }


def test_relative_paths_mean_the_folder_in_which_the_command_was_typed(
    cli: Cli, small: tuple[str, ...], settings: data.Settings, fresh_folder: Path
) -> None:
    (fresh_folder / "sets").symlink_to(settings.root)
    relative = ("data.root=sets", "tracking.uri=sqlite:///other.db", "hydra.job.chdir=true")
    said = cli("-m", "hydra/launcher=basic", *small, *relative, "seed=1")
    assert said.status == 0, said.err
    assert (fresh_folder / "other.db").exists()
    (folder,) = fresh_folder.glob("outputs/*/0")
    assert not [path for path in folder.rglob("*") if path.name in ("sets", "other.db", "raw")]


@pytest.mark.parametrize("read", [pull, compare, study])
@pytest.mark.parametrize("store", [(), ("--tracking-uri", "sqlite:///sub/other.db")])
def test_a_command_that_only_reads_creates_no_store(
    fresh_folder: Path, monkeypatch: pytest.MonkeyPatch, read: ModuleType, store: tuple[str, ...]
) -> None:
    (fresh_folder / "mlflow.db").unlink()
    monkeypatch.setattr(sys, "argv", ["", *store])
    assert run_command(read.main) == 1
    assert list(fresh_folder.iterdir()) == []


def test_loading_a_registered_model_creates_no_store(fresh_folder: Path) -> None:
    (fresh_folder / "mlflow.db").unlink()
    with pytest.raises(UserError, match=r"models:/mine@best is not in the registry: there is no"):
        denoise.load("models:/mine@best")
    assert list(fresh_folder.iterdir()) == []


MINE = {
    "record.json": "record.json is damaged",
    "metrics.jsonl": "metrics.jsonl exists",
    "denoise.log": "denoise.log exists",
    "config/config.yaml": "config.yaml exists",
    "checkpoints": "checkpoints exists",
    "checkpoints/last.safetensors": "last.safetensors exists",
    "tables/history.csv": "history.csv exists",
    "figures/loss.png": "loss.png exists",
}


@pytest.mark.parametrize(("name", "sentence"), MINE.items())
def test_a_file_of_the_users_that_the_run_would_replace_is_refused_before_training(
    cli: Cli, small: tuple[str, ...], fresh_folder: Path, name: str, sentence: str
) -> None:
    mine = fresh_folder / "mine" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("the user's")
    said = cli(*small, "hydra.run.dir=mine")
    assert (said.status, sentence in said.err) == (1, True), said.err
    assert mine.read_text() == "the user's"
    assert [path for path in (fresh_folder / "mine").rglob("*") if path.is_file()] == [mine]
    assert said.runs() == []


@pytest.mark.parametrize("name", ["plan.json", "sweep.csv", "comparison.html", "comparison.csv"])
def test_a_file_of_the_users_that_a_sweep_would_replace_is_refused_before_training(
    cli: Cli, small: tuple[str, ...], fresh_folder: Path, name: str
) -> None:
    (fresh_folder / name).write_text("the user's")
    said = cli("-m", "hydra/launcher=basic", *small, "hydra.sweep.dir=.")
    assert (said.status, f"{name} exists and is not a file" in said.err) == (1, True), said.err
    assert (fresh_folder / name).read_text() == "the user's"
    assert said.runs() == []


@pytest.mark.parametrize(
    ("subdir", "sentence"),
    [("same", "gives several runs the folder"), (".", "must name a folder inside")],
)
def test_a_folder_for_several_runs_is_refused(
    cli: Cli, small: tuple[str, ...], subdir: str, sentence: str
) -> None:
    said = cli("-m", *small, "seed=1,2", f"hydra.sweep.subdir={subdir}")
    assert (said.status, sentence in said.err) == (1, True), said.err
    assert said.runs() == []


def test_the_folder_of_a_sweep_that_another_command_is_using_is_refused(
    cli: Cli, small: tuple[str, ...], fresh_folder: Path
) -> None:
    (fresh_folder / "mine").mkdir()
    with records.opened(fresh_folder / "mine"):
        said = cli("-m", *small, "hydra.sweep.dir=mine")
    assert (said.status, said.err) == (
        1,
        "denoise: another process is using mine; choose another folder with hydra.run.dir or "
        "hydra.sweep.dir\n",
    )


def test_a_link_to_another_folder_is_followed_and_one_to_nowhere_is_refused(
    cli: Cli, small: tuple[str, ...], fresh_folder: Path
) -> None:
    (fresh_folder / "large").mkdir()
    (fresh_folder / "checkpoints").symlink_to("large")
    (fresh_folder / "tables").symlink_to("nowhere")
    said = cli(*small, "hydra.run.dir=.")
    assert (said.status, "tables exists and is not" in said.err) == (1, True), said.err
    (fresh_folder / "tables").unlink()
    assert cli(*small, "hydra.run.dir=.").status == 0
    assert list((fresh_folder / "large").glob("*.safetensors"))


def test_every_file_of_a_run_with_a_fixed_name_is_checked_before_training(
    cli: Cli, small: tuple[str, ...]
) -> None:
    said = cli(*small, "evaluation.map_seed=null", "hydra.run.dir=mine")
    contents = records.read(said.folder / "mine")
    numbered = ("images/", "model/", "figures/reconstructions_")
    fixed = {name for name in contents.fields["files"] if not name.startswith(numbered)}
    assert fixed <= {*records.FILES, "denoise.log"}


def test_a_moved_project_is_refused_until_the_store_knows_its_new_place(
    settings: data.Settings, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    typed = (*SMALL, "trainer.epochs=1", f"data.root={settings.root}")
    assert ended(command(old, *typed), old).status == 0
    copied = shutil.copytree(old, tmp_path / "copied")
    refused = ended(command(copied, *typed), copied)
    assert (refused.status, "the project was moved or copied" in refused.err) == (1, True)
    old.rename(new)
    moved = ended(command(new, *typed), new)
    assert (moved.status, "the project was moved" in moved.err) == (1, True), moved.err
    (record,) = new.glob("outputs/*/record.json")
    record.write_text(record.read_text().replace('"mirrored": true', '"mirrored": false'))
    sync = [sys.executable, "-m", "denoise.sync"]
    lost = subprocess.run(sync, cwd=new, env=clean_environment(), capture_output=True, text=True)
    said = f"the store {old}/mlflow.db does not exist: give --tracking-uri"
    assert (lost.returncode, said in lost.stdout) == (1, True), lost.stdout
    (recipe,) = re.findall("```bash\n(OLD=.*?)```", (ROOT / "docs/resuming.md").read_text(), re.S)
    script = recipe.replace("/where/it/was", str(old))
    subprocess.run(["sh", "-c", script], cwd=new, env=clean_environment(), check=True)
    assert "uploaded, as run" in ran(new, "sync", "--tracking-uri", "sqlite:///mlflow.db")
    assert "finished earlier" in ended(command(new, *typed), new).out
    (run,) = Said(0, "", "", new).runs("tags.noise = 'gaussian'")
    files = Path(run.info.artifact_uri.removeprefix("file://"))
    assert files.is_relative_to(new)
    assert (files / "checkpoints" / "last.safetensors").exists()
    assert not old.exists()


def test_a_log_that_is_still_empty_is_no_file_of_the_users(
    cli: Cli, small: tuple[str, ...], fresh_folder: Path
) -> None:
    """A run that is killed while it begins leaves one."""
    (fresh_folder / "mine").mkdir()
    (fresh_folder / "mine" / "denoise.log").touch()
    said = cli(*small, "hydra.run.dir=mine")
    assert said.status == 0, said.err


def test_a_log_elsewhere_is_not_the_runs(
    cli: Cli, small: tuple[str, ...], fresh_folder: Path
) -> None:
    log = f"hydra.job_logging.handlers.file.filename={fresh_folder}/other.log"
    assert cli(*small, log, "hydra.run.dir=mine", "hydra.job.name=other").status == 0
    assert (fresh_folder / "other.log").read_text()
    assert not list((fresh_folder / "mlruns").rglob("*.log"))
