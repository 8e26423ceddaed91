"""Pulling the files of the best run of a store."""

import json
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.cli import cli as mlflow_cli
from mlflow.entities import FileInfo

import denoise
from denoise import command, data, metrics, pull
from denoise.config.settings import Tracking
from denoise.manifest import sha256
from denoise.tracking import files, pending
from denoise.tracking.records import REFERENCE
from denoise.tracking.store import prepare
from tests.conftest import (
    SMALL,
    SWEPT,
    Said,
    answering,
    background,
    forget_store,
    free_port,
    tracked,
)

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pulled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Run the command in this process in an empty folder; its exit status, output and errors."""
    monkeypatch.chdir(tmp_path)
    forget_store(monkeypatch)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pull", *arguments])
        return command.run(pull.main), *capfd.readouterr()

    return run


@pytest.fixture
def store(sweep: Said) -> tuple[str, str]:
    return "--tracking-uri", f"sqlite:///{sweep.folder / 'mlflow.db'}"


def test_the_best_run_of_the_latest_sweep_is_pulled_completely(
    sweep: Said, pulled: Command, store: tuple[str, str]
) -> None:
    status, out, err = pulled(*store)
    assert status == 0, err
    assert "pulled into best" in out
    manifest = json.loads(Path("best/run.json").read_text())
    losses = {run.info.run_id: run.data.metrics["test/loss"] for run in sweep.runs(SWEPT)}
    assert manifest["run_id"] == min(losses, key=losses.__getitem__)
    assert manifest["metrics"]["test/loss"] == min(losses.values())
    there = {p.relative_to("best").as_posix() for p in Path("best").rglob("*") if p.is_file()}
    assert there == {*manifest["files"], "run.json"}
    assert {
        "config/config.yaml",
        "checkpoints/best.safetensors",
        "figures/tsne.png",
        "tables/codes.csv",
        "model/MLmodel",
        "denoise.log",
    } <= there
    for name, digest in manifest["files"].items():
        assert sha256(Path("best") / name) == digest


def test_a_second_pull_is_up_to_date_and_changed_files_are_not_overwritten(
    pulled: Command, store: tuple[str, str]
) -> None:
    assert pulled(*store)[0] == 0
    assert "is up to date in best" in pulled(*store)[1]
    notes = Path("best/config/config.yaml")
    notes.write_text("mine")
    status, _, err = pulled(*store)
    assert status == 1
    assert "best has something else in it; replace it with --force" in err
    assert notes.read_text() == "mine"
    assert pulled(*store, "--force")[0] == 0
    assert notes.read_text() != "mine"
    assert [path.name for path in Path().iterdir()] == ["best"]


def test_a_part_of_what_was_pulled_is_up_to_date(pulled: Command, store: tuple[str, str]) -> None:
    assert pulled(*store)[0] == 0
    assert "is up to date in best" in pulled(*store, "--only", "figures")[1]
    assert Path("best/checkpoints").exists()


def test_a_pulled_run_is_not_taken_for_one_that_waits_to_be_uploaded(
    pulled: Command, store: tuple[str, str]
) -> None:
    assert pulled(*store)[0] == 0
    assert json.loads(Path("best/record.json").read_text())["mirrored"] is False
    assert pending.find([Path()]) == []


def test_a_run_that_was_given_a_score_since_is_pulled_again(
    pulled: Command, store: tuple[str, str]
) -> None:
    assert pulled(*store, "--only", "config")[0] == 0
    path = Path("best/run.json")
    facts = json.loads(path.read_text())
    del facts["metrics"]["latent/few_label_accuracy"]
    path.write_text(json.dumps(facts))
    assert "best has something else in it" in pulled(*store, "--only", "config")[2]
    assert "pulled into best" in pulled(*store, "--only", "config", "--force")[1]


def test_force_replaces_a_pulled_run_but_no_other_folder(
    pulled: Command, store: tuple[str, str]
) -> None:
    Path("photos").mkdir()
    Path("photos/shoe.png").write_text("mine")
    status, _, err = pulled(*store, "--to", "photos", "--force")
    assert status == 1
    assert "photos is not a pulled run; choose another folder with --to" in err
    assert Path("photos/shoe.png").read_text() == "mine"


def test_runs_are_chosen_by_metric_filter_and_rank(
    sweep: Said, pulled: Command, store: tuple[str, str]
) -> None:
    def ranking(*arguments: str) -> list[dict]:
        status, out, err = pulled(*store, "--list", "--json", *arguments)
        assert status == 0, err
        return json.loads(out)

    for metric, sign in (("test/psnr", -1), ("test/denoise_mse", 1)):
        values = [sign * entry[metric] for entry in ranking("--metric", metric)]
        assert len(values) == 3
        assert values == sorted(values)
    (only,) = ranking("--where", "params.`noise.sigma` = '0.5'")
    assert only["run"] == "gaussian σ=0.5"
    assert ranking("--where", "params.noise.sigma = 0.5 and metrics.test/psnr > 0") == [only]
    below = ranking("--where", "params.noise.sigma < 1 AND metrics.test/loss > 0")
    assert {entry["run"] for entry in below} == {"gaussian σ=0.1", "gaussian σ=0.5"}
    assert ranking("--where", "params.`noise.sigma` >= 0.1 and params.noise.sigma != 0.5") == [
        entry for entry in below if entry["run"] == "gaussian σ=0.1"
    ]
    (very,) = ranking("--run", only["run id"])
    assert very["run id"] == only["run id"]
    (newest, *_) = sweep.runs(SWEPT)
    assert len(ranking("--sweep", newest.data.tags["sweep"])) == 3
    assert len(ranking("--sweep", "all")) == 4
    largest_first = ranking("--metric", "train/loss", "--max")
    assert largest_first[0]["run"] == "gaussian σ=0.5"


def test_parts_and_the_number_of_runs_can_be_chosen(
    pulled: Command, store: tuple[str, str]
) -> None:
    assert pulled(*store, "--only", "figures", "--top", "2")[0] == 0
    assert sorted(path.name for path in Path("best").iterdir()) == ["1", "2"]
    assert {path.name for path in Path("best/1").iterdir()} == {"figures", "run.json"}


def test_an_interrupted_pull_leaves_no_folder(
    pulled: Command, store: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    download, calls = files.download, iter(range(9))

    def interrupted(run_id: str, path: str, folder: Path) -> None:
        if next(calls) == 3:
            raise KeyboardInterrupt
        download(run_id, path, folder)

    monkeypatch.setattr(files, "download", interrupted)
    assert pulled(*store)[0] == 130
    assert list(Path().iterdir()) == []


def test_a_path_that_leads_out_of_the_folder_is_refused(
    pulled: Command, store: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = [FileInfo("../../x", is_dir=False, file_size=1)]
    monkeypatch.setattr(MlflowClient, "list_artifacts", lambda *_: hostile)
    status, _, err = pulled(*store)
    assert status == 1
    assert "'../../x', which is outside its folder" in err
    assert list(Path().iterdir()) == []


def cheap_run(
    noise: str,
    seed: int,
    loss: float,
    values: Mapping[str, float] | None = None,
    score: str = "test/loss",
    protocol: str = "study",
    **params: Any,
) -> None:
    """Log a finished run that was not trained, without files."""
    params |= {"seed": seed, "noise": {"name": noise}, "protocol": {"score": score}}
    tags = {"noise": noise, "sweep": "seeds", "protocol": protocol}
    folder = Path(tempfile.mkdtemp(dir="."))
    with tracked(Tracking(None, "denoise"), folder, name=noise, tags=tags, params=params) as run:
        run.log({"test/loss": loss, **(values or {})}, 0)


def reference_run(settings: Tracking, values: Mapping[str, float], **params: Any) -> None:
    """Log a finished run of the kind that is not trained, such as a reference method."""
    folder = Path(tempfile.mkdtemp(dir="."))
    kind = REFERENCE
    with tracked(settings, folder, name="reference", tags={}, params=params, kind=kind) as run:
        run.log(values, 0)


@pytest.mark.usefixtures("fresh_folder")
def test_what_is_left_of_a_killed_upload_is_no_file_of_the_run() -> None:
    with tracked(Tracking(None, "denoise"), Path("mine")) as run:
        run.write("note.txt", "a note")
    place = Path(MlflowClient().get_run(run.run_id).info.artifact_uri.removeprefix("file://"))
    (place / ".artifact.uploading.abc").touch()
    assert set(files.files(run.run_id)) == {"note.txt", "record.json"}


@pytest.mark.usefixtures("fresh_folder")
def test_runs_that_were_not_trained_are_not_ranked(pulled: Command) -> None:
    cheap_run("none", 0, 0.5)
    reference_run(Tracking(None, "denoise"), {"test/loss": 0.1})
    for sweep in ("latest", "all"):
        ranked = json.loads(pulled("--list", "--json", "--sweep", sweep)[1])
        assert [entry["run"] for entry in ranked] == ["none"]


@pytest.mark.usefixtures("fresh_folder")
def test_over_seeds_ranks_settings_by_their_mean(pulled: Command) -> None:
    for noise, losses in {"lucky": (0.1, 0.9, 0.8), "steady": (0.3, 0.2, 0.4)}.items():
        for seed, loss in enumerate(losses):
            cheap_run(noise, seed, loss)
    (first, *_) = json.loads(pulled("--list", "--json")[1])
    assert (first["run"], first["test/loss"]) == ("lucky", 0.1)
    settings = json.loads(pulled("--list", "--json", "--over-seeds")[1])
    assert [(entry["run"], entry["test/loss"]) for entry in settings] == [
        ("steady", 0.2),
        ("lucky", 0.1),
    ]
    means = [entry["mean over seeds"] for entry in settings]
    assert means == pytest.approx([0.3, 0.6])


@pytest.mark.usefixtures("fresh_folder")
def test_repeated_seeds_and_data_folders_do_not_change_the_mean(
    pulled: Command,
) -> None:
    cheap_run("often", 0, 0.1, data={"root": "here"})
    for root, loss in (("here", 0.2), ("there", 0.2), ("there", 0.2)):
        cheap_run("often", 1, loss, data={"root": root})
    cheap_run("once", 0, 0.16)
    settings = json.loads(pulled("--list", "--json", "--over-seeds")[1])
    assert [entry["run"] for entry in settings] == ["often", "once"]


@pytest.mark.usefixtures("fresh_folder")
def test_runs_with_held_out_images_are_ranked_by_their_best_epoch(
    pulled: Command,
) -> None:
    for noise, best, last in (("early", 0.1, 0.3), ("steady", 0.2, 0.2)):
        cheap_run(noise, 0, 0.5, {"best/loss": best, "val/loss": last}, score="val/loss")
    (first, *_) = json.loads(pulled("--list", "--json")[1])
    assert (first["run"], first["best/loss"]) == ("early", 0.1)


MISTAKES = {
    (): "there is no finished run",
    ("--to", "."): "--to . contains the current folder; choose a folder of its own",
    ("--metric", "test/loss", "--sweep", "all"): "there is no finished run in",
    ("--where", "sigma is small"): "the filter 'sigma is small' does not parse",
    ("--where", "params.noise.sigma < 'a'"): "does not parse",
    ("--tracking-uri", "nonsense://here"): "tracking.uri=nonsense://here cannot be used",
    ("--tracking-uri", "http://127.0.0.1:9"): "tracking.uri=http://127.0.0.1:9 cannot be used",
    ("--top", "0"): "Invalid value for '--top'",
    ("--only", "weights"): "Invalid value for '--only'",
}


@pytest.mark.usefixtures("fresh_folder")
@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_mistakes_are_reported_in_one_sentence(pulled: Command, arguments: tuple[str, ...]) -> None:
    prepare(Tracking(None, "denoise"))  # a filter is parsed where there is an experiment
    status, _, err = pulled(*arguments)
    assert status == 1
    assert MISTAKES[arguments] in err
    assert "Traceback" not in err


def test_an_unknown_metric_is_answered_with_the_known_ones(
    pulled: Command, store: tuple[str, str]
) -> None:
    status, _, err = pulled(*store, "--metric", "robust/fog_mse")
    assert status == 1
    assert "no run has the metric robust/fog_mse; there are best/clean_mse, " in err


@pytest.mark.usefixtures("fresh_folder")
def test_the_direction_of_a_metric_of_ones_own_must_be_given(pulled: Command) -> None:
    cheap_run("none", 0, 0.5, {"speed": 3})
    assert (
        "--metric speed does not say which values are better; add --max"
        in pulled("--list", "--metric", "speed")[2]
    )
    assert pulled("--list", "--metric", "speed", "--max")[0] == 0


@pytest.mark.usefixtures("fresh_folder")
def test_scores_of_two_protocols_are_not_ranked_together(pulled: Command) -> None:
    for protocol in ("study", "fair"):
        cheap_run("none", 0, 0.5, protocol=protocol)
    err = pulled("--list", "--sweep", "all")[2]
    assert "some of these runs have protocol=fair, and others study, whose scores cannot be" in err
    for choice in (("--where", "tags.protocol = 'fair'"), ("--metric", "test/loss")):
        assert pulled("--list", "--sweep", "all", *choice)[0] == 0


@pytest.mark.usefixtures("fresh_folder")
def test_losses_against_different_targets_are_not_ranked_together(pulled: Command) -> None:
    for target in ("second", "clean"):
        cheap_run("none", 0, 0.5, trainer={"target": target})
    err = pulled("--list", "--sweep", "all")[2]
    assert "some of these runs have trainer.target=clean, and others second, whose scores" in err
    clean = ("--where", "params.trainer.target = 'clean'")
    assert pulled("--list", "--sweep", "all", *clean)[0] == 0


def test_the_catalogue_has_every_metric_of_a_run(sweep: Said) -> None:
    for run in sweep.runs(SWEPT):
        assert [key for key in run.data.metrics if not metrics.find(key)] == []


@pytest.mark.usefixtures("fresh_folder")
def test_missing_files_of_a_run_are_reported(pulled: Command) -> None:
    cheap_run("none", 0, 0.5)
    status, _, err = pulled()
    assert status == 1
    assert "has no config/config.yaml at" in err


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A tracking server that serves artifacts, with a store of its own."""
    port, folder = free_port(), tmp_path / "server"
    folder.mkdir()
    with background("server", "--port", str(port), "--workers", "1", folder=folder):
        yield answering(port, "/health")


def test_a_run_on_a_tracking_server_is_pulled_registered_and_served(
    server: str, cli: Callable[..., Said], settings: data.Settings, pulled: Command
) -> None:
    done = cli(*SMALL, "trainer.epochs=1", f"tracking.uri={server}", f"data.root={settings.root}")
    assert done.status == 0, done.err
    assert f"Browse: {server}/#/experiments/" in done.out
    status, out, err = pulled("--tracking-uri", server, "--register", "denoiser")
    assert status == 0, err
    assert "registered as version 1, with the alias best" in out
    status, _, err = pulled("--tracking-uri", server, "--register", "a/b")
    assert (status, "cannot be registered as a/b" in err) == (1, True), err
    images = np.random.default_rng(0).random((3, 28, 28), dtype=np.float32)
    expected = denoise.load("best").denoise(images)
    np.testing.assert_array_equal(denoise.load("models:/denoiser@best").denoise(images), expected)

    scaled = ((images - 0.5) / 0.5)[:, None]
    logged = mlflow.pyfunc.load_model("models:/denoiser@best").predict(scaled)
    np.testing.assert_allclose((logged[:, 0] * 0.5 + 0.5).clip(0, 1), expected, atol=1e-6)

    Path("images.json").write_text(json.dumps({"inputs": scaled.tolist()}))
    predict = ["models", "predict", "-m", "best/model", "-i", "images.json", "-o", "predicted.json"]
    mlflow_cli.main([*predict, "--env-manager", "local"], standalone_mode=False)
    predicted = np.array(json.loads(Path("predicted.json").read_text())["predictions"])
    np.testing.assert_allclose(predicted, logged, atol=1e-5)

    port = free_port()
    model = ("models", "serve", "-m", "best/model", "--env-manager", "local")
    with background(*model, "--port", str(port), folder=Path.cwd()):
        address = answering(port, "/ping")
        body = json.dumps({"inputs": scaled.tolist()}).encode()
        request = urllib.request.Request(
            f"{address}/invocations", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            served = np.array(json.load(answer)["predictions"])
    np.testing.assert_allclose(served, logged, atol=1e-5)


def test_a_registered_model_is_loaded_by_version_as_by_alias(
    sweep: Said, fresh_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fresh_folder / "my project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    shutil.copy(sweep.folder / "mlflow.db", "mlflow.db")
    prepare(Tracking(None, "denoise"))
    first, second, _ = sweep.runs(SWEPT)
    versions = [files.register(run.info.run_id, "mine") for run in (first, second)]
    assert versions == ["1", "2"]
    forget_store(monkeypatch)
    images = np.random.default_rng(0).random((3, 28, 28), dtype=np.float32)
    one, two, best = (
        denoise.load(f"models:/mine{which}").denoise(images) for which in ("/1", "/2", "@best")
    )
    np.testing.assert_array_equal(two, best)
    assert not np.array_equal(one, best)
    assert not (fresh_folder / "my%20project").exists()
