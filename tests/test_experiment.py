"""One run, by the real command on real data, read back through MLflow's client."""

import csv
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run
from PIL import Image

from denoise import build, checkpoint, data, denoiser, evaluate, figures
from denoise.comparison import figures as of_settings
from denoise.tracking import records
from tests.conftest import SMALL, SWEPT, Said, clean_environment

Cli = Callable[..., Said]


@pytest.fixture(scope="module")
def run(sweep: Said) -> Run:
    (found,) = sweep.runs("params.`noise.sigma` = '0.5'")
    return found


@pytest.fixture(scope="module")
def client(sweep: Said) -> MlflowClient:
    return MlflowClient(f"sqlite:///{sweep.folder / 'mlflow.db'}")


@pytest.fixture(scope="module")
def files(run: Run) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://"))


PER_EPOCH = (
    "train/loss",
    "test/loss",
    "test/clean_mse",
    "test/denoise_mse",
    "time/epoch_seconds",
    "time/images_per_second",
)


@pytest.mark.parametrize("metric", PER_EPOCH)
def test_every_epoch_is_logged_from_step_one(client: MlflowClient, run: Run, metric: str) -> None:
    assert [p.step for p in client.get_metric_history(run.info.run_id, metric)] == [1, 2]


def test_final_figures_parameters_and_tags_have_their_names(run: Run) -> None:
    final = {"test/psnr", "test/ssim", "time/tsne_seconds", "time/scores_seconds"}
    assert final <= set(run.data.metrics)
    expected = {
        "noise.sigma": "0.5",
        "model.latent_dim": "4",
        "trainer.epochs": "2",
        "data.train_size": "4096",
        "seed": "0",
    }
    assert expected.items() <= run.data.params.items()
    tags = {"noise": "gaussian", "model": "anello", "protocol": "study"}
    assert tags.items() <= run.data.tags.items()
    assert re.fullmatch("[0-9a-f]{40}", run.data.tags["git.commit"])
    assert run.data.tags["arithmetic"] in ("fused", "cuda", "torch")  # on a CPU, a GPU, MPS
    assert run.data.tags["git.dirty"] in ("true", "false")


def test_the_data_set_is_a_logged_input(run: Run) -> None:
    inputs = run.inputs.dataset_inputs
    contexts = {tag.value for given in inputs for tag in given.tags}
    assert {given.dataset.name for given in inputs} == {"FashionMNIST"}
    assert contexts == {"training", "testing"}


def test_the_files_of_a_run_are_all_there(files: Path) -> None:
    there = {str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()}
    expected = {
        "config/config.yaml",
        "config/overrides.yaml",
        "checkpoints/last.safetensors",
        "checkpoints/best.safetensors",
        "figures/loss.png",
        "figures/noise.png",
        "figures/reconstructions_000.png",
        "figures/reconstructions_001.png",
        "figures/reconstructions_002.png",
        "figures/tsne.png",
        "tables/history.csv",
        "tables/codes.csv",
        "denoise.log",
    }
    assert expected <= there
    assert "noise.sigma=0.5" in (files / "config" / "overrides.yaml").read_text()


def test_a_finished_run_keeps_weights_and_no_state_to_resume_from(sweep: Said, files: Path) -> None:
    for folder in (files, *sweep.folder.glob("outputs/*/*/")):
        assert not (folder / "state").exists()
    for name in ("last", "best"):
        tensors, *_ = checkpoint.load(files / "checkpoints" / f"{name}.safetensors")
        assert all(key.startswith("model.") for key in tensors)


def test_image_grids_have_the_untrained_first_and_last_epoch(files: Path) -> None:
    steps = {
        (match[1], int(match[2]))
        for path in (files / "images").iterdir()
        if (match := re.match(r"(\w+)\+step\+(\d+)", path.name))
    }
    reconstructions = {("reconstructions", step) for step in (0, 1, 2)}
    assert steps == reconstructions | {("noise", 0), ("noise", 1), ("tsne", 2)}


def test_no_label_touches_the_edge_of_a_figure(images: data.Data) -> None:
    shown = torch.zeros(10, 28, 28)
    rows = {"clean": shown, "noisy": shown, "output": shown}
    drawn = np.asarray(figures.to_image(figures.image_rows(rows, images.class_names, "a run")))
    for edge in (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]):
        assert edge.min() == 255


@pytest.mark.parametrize(
    ("losses", "limits"),
    [
        ([2.0, 0.6], (0.5, 2.5)),
        ([5.4, 5.3], (0.5, 5.4)),
        ([0.3], (0.3, 2.5)),
        ([0.0, 0.3], (0.3, 2.5)),
    ],
)
def test_a_loss_figure_has_the_same_axis_unless_a_curve_leaves_it(
    losses: list[float], limits: tuple[float, float]
) -> None:
    (axis,) = figures.loss_curves({"train/loss": losses}, (0.5, 2.5), "a run").axes
    assert axis.get_ylim() == limits


@pytest.mark.parametrize("losses", [[0.0], [1.0]])
@pytest.mark.parametrize("limits", [(0.5, 2.5), (0, 0), (0, 1), (1, 1)])
def test_any_losses_and_any_axis_can_be_drawn(
    losses: list[float], limits: tuple[float, float]
) -> None:
    for figure in (
        figures.loss_curves({"train/loss": losses}, limits, "a run"),
        of_settings.curves({"train": {"none": losses}}, narrow=False),
    ):
        assert figures.to_image(figure).size > (100, 100)


def test_any_name_of_a_run_can_be_drawn() -> None:
    name = "path=$^$ {x}_y"
    places, labels = np.zeros((1, 2)), np.zeros(1)
    for figure in (
        figures.loss_curves({"train/loss": [1.0]}, (0, 1), name),
        figures.tsne_map(places, labels, ["a class"], name),
    ):
        assert figures.to_image(figure).size > (100, 100)


def test_figures_show_something_and_are_of_one_size(sweep: Said) -> None:
    sizes = set()
    for found in sweep.runs(SWEPT):
        path = Path(found.info.artifact_uri.removeprefix("file://")) / "figures" / "tsne.png"
        picture = np.asarray(Image.open(path).convert("RGB"))
        sizes.add(picture.shape)
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
    assert len(sizes) == 1


def test_tables_hold_the_history_and_every_code(files: Path, run: Run) -> None:
    history = _table(files / "tables" / "history.csv")
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert float(history[-1]["test/loss"]) == run.data.metrics["test/loss"]
    codes = _table(files / "tables" / "codes.csv")
    assert len(codes) == int(run.data.params["evaluation.tsne_codes"])
    assert set(codes[0]) == {*(f"code_{i}" for i in range(4)), "tsne_x", "tsne_y", "label"}


def test_the_checkpoint_and_the_logged_model_agree(
    sweep: Said, files: Path, run: Run, images: data.Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    from denoise.model import Anello

    model = Anello(latent_dim=4).eval()
    model.load_state_dict(checkpoint.weights(files / "checkpoints" / "last.safetensors"))
    batch = images.scale(images.test.images[:5])
    monkeypatch.chdir(sweep.folder)
    mlflow.set_tracking_uri(f"sqlite:///{sweep.folder / 'mlflow.db'}")
    (logged,) = run.outputs.model_outputs
    served = mlflow.pyfunc.load_model(f"models:/{logged.model_id}").predict(batch.numpy())
    with torch.inference_mode():
        np.testing.assert_allclose(served, model(batch).numpy(), atol=1e-6)
    assert not list(sweep.folder.rglob("*.pkl"))


def test_fair_reads_the_test_set_once_and_chooses_on_held_out_images(
    cli: Cli, settings: data.Settings
) -> None:
    held_out = ("protocol=fair", "data.holdout=1000")
    said = cli(*SMALL, *held_out, "noise.sigma=0.2", f"data.root={settings.root}")
    assert said.status == 0, said.err
    (run,) = said.runs()
    contexts = [each.tags[0].value for each in run.inputs.dataset_inputs]
    assert sorted(contexts) == ["testing", "training", "validation"]
    client = MlflowClient(f"sqlite:///{said.folder / 'mlflow.db'}")

    def steps(metric: str) -> list[int]:
        return [point.step for point in client.get_metric_history(run.info.run_id, metric)]

    assert steps("val/loss") == steps("val/clean_mse") == [1, 2]
    assert steps("test/loss") == steps("test/clean_mse") == steps("test/psnr") == [0]
    assert run.data.tags["protocol"] == "fair"


def test_a_run_that_diverges_ends_failed_with_traceback_log_and_a_sentence(
    cli: Cli, settings: data.Settings
) -> None:
    said = cli("trainer=smoke", "noise.sigma=1e30", f"data.root={settings.root}")
    assert said.status == 1
    assert "FloatingPointError: the loss became" in said.out
    assert "in epoch 1, with trainer.learning_rate=0.001" in said.out
    (run,) = said.runs()
    assert run.info.status == "FAILED"
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    assert "FloatingPointError" in (folder / "traceback.txt").read_text()
    assert (folder / "denoise.log").exists()


def test_one_latent_dimension_is_enough(cli: Cli, settings: data.Settings) -> None:
    said = cli(*SMALL, "seed=9", "model.latent_dim=1", f"data.root={settings.root}")
    assert said.status == 0, said.err
    (run,) = said.runs()
    assert run.info.status == "FINISHED"
    assert run.info.run_name.endswith("seed=9 latent_dim=1")


def _table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_a_run_with_constant_latents_finishes_without_a_map(
    cli: Cli, settings: data.Settings
) -> None:
    constant = ("model=conv", "trainer.weight_decay=1e6", "trainer.batch_size=8", "noise=none")
    mapped = (*SMALL, "evaluation.map_seed=null", "trainer.epochs=3", *constant)
    said = cli(*mapped, f"data.root={settings.root}")
    assert said.status == 0, said.out
    (run,) = said.runs()
    assert run.info.status == "FINISHED"
    assert "the t-SNE map is left out: all latents are equal" in said.out
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    assert "tsne_x" not in _table(folder / "tables" / "codes.csv")[0]
    assert not (folder / "figures" / "tsne.png").exists()


COPYING = ("noise=none", "~model.latent_dim", "model._target_=tests.plug_ins.Copying")
TINY = (
    *("data.train_size=10", "data.test_size=25", "trainer.batch_size=1", "evaluation.neighbours=1"),
    *("evaluation.probe_codes=1", "evaluation.tsne_codes=25", "evaluation.perplexity=2"),
    *("evaluation.map_seed=null", "evaluation.loss_axis=[0,0]", "trainer.epochs=1"),
)


def test_what_cannot_be_computed_is_left_out_and_not_tried_again(
    cli: Cli, settings: data.Settings
) -> None:
    """A perfect model with latents that are all equal, on as few images as a config allows."""
    perfect = ("-m", "hydra/launcher=basic", *SMALL, *TINY, *COPYING, f"data.root={settings.root}")
    said = cli(*perfect)
    assert said.status == 0, said.out
    (run,) = said.runs("tags.noise = 'none'")
    assert run.info.status == "FINISHED"
    assert (run.data.metrics["test/loss"], run.data.metrics["test/ssim"]) == (0, 1)
    left = ["test/psnr", "latent/linear_accuracy", "latent/few_label_accuracy"]
    left.append("latent/trustworthiness")
    assert run.data.tags["left_out"].split() == left
    assert run.data.metrics.keys().isdisjoint(left)
    assert said.out.count("is left out") == len(left)
    (page,) = said.folder.glob("outputs/*/comparison.html")
    assert "nan" not in page.read_text(encoding="utf-8").casefold().split()
    again = cli(*perfect)
    assert (again.status, "│ REUSED" in again.out) == (0, True)
    assert "evaluating what the run lacks" not in again.out


@pytest.mark.parametrize("why", ["values", "size"])
def test_a_model_that_cannot_be_exported_is_left_out_and_its_run_finishes(
    cli: Cli, settings: data.Settings, why: str
) -> None:
    own = ("~model.latent_dim", "model._target_=tests.plug_ins.Untraceable", f"+model.why={why}")
    said = cli(*SMALL, *TINY, *own, f"data.root={settings.root}")
    assert (said.status, "the model is left out in MLflow's format" in said.out) == (0, True)
    (run,) = said.runs("tags.noise = 'gaussian'")
    assert (run.info.status, run.outputs.model_outputs) == ("FINISHED", [])
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    loaded = denoiser.read(folder, trust=["tests.plug_ins"])
    assert loaded.denoise(np.zeros((5, 28, 28))).shape == (5, 28, 28)


@pytest.mark.parametrize("model", ["anello", "mlp", "conv", "unet"])
def test_each_model_trains_on_as_few_images_as_a_config_allows(
    cli: Cli, settings: data.Settings, model: str
) -> None:
    fair = ("protocol=fair", "data.holdout=1", f"model={model}", f"data.root={settings.root}")
    said = cli(*SMALL, *TINY, *fair)
    assert said.status == 0, said.out
    (run,) = said.runs()
    assert run.info.status == "FINISHED"


def test_a_loss_on_test_images_that_is_not_finite_ends_the_run_failed_with_a_sentence(
    cli: Cli, settings: data.Settings
) -> None:
    said = cli(*SMALL, *COPYING, "+model.breaks=evaluation", f"data.root={settings.root}")
    assert said.status == 1
    assert "FloatingPointError: the test/loss became nan in epoch 1, with trainer." in said.out


def test_every_thread_of_a_run_treats_denormal_numbers_as_zero(
    tmp_path: Path, settings: data.Settings
) -> None:
    script = (
        "import sys, torch\n"
        "from denoise.__main__ import main\n"
        "assert main() == 0\n"
        "print('left:', (torch.full((4_000_000,), 1e-39) * 1).count_nonzero().item())\n"
    )
    left = subprocess.run(
        [sys.executable, "-c", script, *SMALL, f"data.root={settings.root}"],
        cwd=tmp_path,
        env=clean_environment() | {"OMP_NUM_THREADS": "2"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    assert left.endswith("left: 0\n")


def test_the_use_of_cpus_and_memory_is_logged_each_epoch_if_asked(
    cli: Cli, settings: data.Settings
) -> None:
    said = cli(*SMALL, f"data.root={settings.root}", "tracking.system_metrics=true")
    assert said.status == 0, said.err
    (run,) = said.runs("tags.noise = 'gaussian'")
    client = MlflowClient()
    for name in ("cpu_utilization_percentage", "system_memory_usage_percentage"):
        points = client.get_metric_history(run.info.run_id, f"system/{name}")
        assert [point.step for point in points] == [1, 2]
        assert all(0 < point.value <= 100 for point in points)
    path = Path(run.info.artifact_uri.removeprefix("file://")) / "tables" / "history.csv"
    assert "system/" not in path.read_text(encoding="utf-8")


def test_where_images_are_held_out_the_weights_of_the_best_epoch_are_evaluated_and_kept(
    cli: Cli, settings: data.Settings
) -> None:
    """Twenty images are soon learned by heart, so the last epoch is worse than an earlier one."""
    held_out = ("protocol=fair", "data.holdout=500", "data.train_size=20", "trainer.batch_size=20")
    steps = ("model=mlp", "trainer.learning_rate=0.01", "trainer.epochs=40")
    said = cli(*SMALL, *held_out, *steps, f"data.root={settings.root}")
    assert said.status == 0, said.err
    (run,) = said.runs()
    (folder,) = said.folder.glob("outputs/*")
    losses = [values["val/loss"] for values in records.read(folder).epochs]
    best = losses.index(min(losses))
    assert best < len(losses) - 1, "the last epoch is the best, so this shows nothing"
    assert run.data.metrics["best/epoch"] == best + 1
    assert run.data.metrics["best/loss"] == losses[best]

    checkpoints = Path(run.info.artifact_uri.removeprefix("file://")) / "checkpoints"
    config = checkpoint.load(checkpoints / "best.safetensors")[2]
    images = data.load(data.Settings(**config["data"]), torch.device("cpu"))
    assert images.val
    noise = build.build_noise(config["noise"])

    def measured(name: str, split: data.Split) -> dict[str, float]:
        model = build.build_model(config["model"], seed=0)
        model.load_state_dict(checkpoint.weights(checkpoints / f"{name}.safetensors"))
        batches = evaluate.corrupted(split, images, noise, "clean")
        return evaluate.losses(model, batches, images)

    assert measured("best", images.val)["loss"] == pytest.approx(losses[best], rel=1e-5)
    assert measured("last", images.val)["loss"] == pytest.approx(losses[-1], rel=1e-5)
    for key, value in measured("best", images.test).items():
        assert run.data.metrics[f"test/{key}"] == pytest.approx(value, rel=1e-5)
    assert "epoch 1 train / val" in said.out
    assert f"/ {losses[-1]:.4f}" in said.out
