"""A store that version 0.1.0 filled: its runs are reused, resumed, compared and pulled.

`version_0_1_0/` holds the store as SQL text, with `/FOLDER` in place of its folder, and the
artifacts that these tests read: two finished runs of a small sweep, and one that was killed.
"""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mlflow.entities import Run

import denoise
from denoise import data
from denoise.tracking import claim, search
from tests.conftest import ROOT, Said, ran

Cli = Callable[..., Said]
LEFT = ROOT / "tests" / "version_0_1_0"
# As typed when version 0.1.0 made the store.
TINY = (
    *("model=mlp", "model.width=1", "model.depth=1", "model.latent_dim=1", "trainer=smoke"),
    *("data.train_size=512", "data.test_size=600", "evaluation.tsne_codes=100"),
    *("evaluation.map_seed=9", "evaluation.probe_codes=100", "evaluation.pairwise_codes=100"),
)
KILLED = (*TINY, "noise=gaussian", "noise.sigma=0.5", "trainer.epochs=12")


@pytest.fixture
def old(fresh_folder: Path) -> Path:
    """The folder of the store, as version 0.1.0 left it."""
    (fresh_folder / "mlflow.db").unlink()
    text = (LEFT / "store.sql").read_text(encoding="utf-8")
    with sqlite3.connect(fresh_folder / "mlflow.db") as connection:
        connection.executescript(text.replace("/FOLDER", str(fresh_folder)))
    connection.close()
    shutil.copytree(LEFT / "artifacts", fresh_folder / "mlruns")
    return fresh_folder


def runs(folder: Path, where: str = "") -> list[Run]:
    return Said(0, "", "", folder).runs(where)


def test_finished_runs_are_reused(old: Path, cli: Cli, settings: data.Settings) -> None:
    before = {run.info.run_id for run in runs(old)}
    basic = ("-m", "hydra/launcher=basic", *TINY, "trainer.epochs=2", "noise=none,gaussian")
    said = cli(*basic, f"data.root={settings.root}")
    assert said.status == 0, said.err
    assert "Finished earlier and reused: 2" in said.out
    assert said.out.count("│ REUSED") == 2
    assert "some scores stay missing" in said.out  # the checkpoint of one run is not here
    new = [run for run in runs(old) if run.info.run_id not in before]
    assert {run.data.tags["kind"] for run in new} == {"sweep", "reference"}


def test_a_reused_run_gets_the_scores_that_it_lacks_without_training(
    old: Path, cli: Cli, settings: data.Settings
) -> None:
    (whole,) = runs(old, "tags.noise = 'none'")
    with sqlite3.connect(old / "mlflow.db") as connection:
        for table in ("metrics", "latest_metrics"):
            connection.execute(f"DELETE FROM {table} WHERE key LIKE 'latent/%'")
    connection.close()
    said = cli(*TINY, "trainer.epochs=2", "noise=none", f"data.root={settings.root}")
    assert said.status == 0, said.err
    assert "evaluating what the run lacks, from its checkpoint" in said.out
    (again,) = runs(old, "tags.noise = 'none'")
    assert (again.info.run_id, again.info.status) == (whole.info.run_id, "FINISHED")
    for key, value in whole.data.metrics.items():
        assert again.data.metrics[key] == pytest.approx(value, rel=1e-6), key
    for key, count in {"train/loss": 2, "test/psnr": 1, "latent/knn_accuracy": 1}.items():
        assert len(search.curve(whole.info.run_id, key)) == count


def test_a_killed_run_resumes_to_the_same_bits(
    old: Path, cli: Cli, settings: data.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "DEAD_SECONDS", 1)  # its host is another
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    (killed,) = runs(old, "attributes.status = 'RUNNING'")
    said = cli(*KILLED, f"data.root={settings.root}")
    assert said.status == 0, said.err
    assert f"of run {killed.info.run_id}" in said.out
    assert "resumes after epoch" in said.out
    (resumed,) = runs(old, f"attributes.run_id = '{killed.info.run_id}'")
    assert resumed.info.status == "FINISHED"
    losses = search.curve(killed.info.run_id, "train/loss")
    whole = cli(*KILLED, f"data.root={settings.root}", "force=true")
    (other,) = (
        run
        for run in whole.runs("tags.noise = 'gaussian' and params.trainer.epochs = '12'")
        if run.info.run_id != killed.info.run_id
    )
    assert losses == search.curve(other.info.run_id, "train/loss")
    torch.set_num_threads(threads)


def test_runs_are_compared_pulled_and_loaded(old: Path) -> None:
    assert "largest gain" in " ".join(ran(old, "compare").split())
    ran(old, "pull", "--only", "checkpoints", "--only", "config")
    codes = denoise.load(old / "best").encode(torch.zeros(3, 28, 28))
    assert codes.shape == (3, 1)


def test_a_new_run_is_compared_with_a_baseline_of_version_0_1_0(
    old: Path, cli: Cli, settings: data.Settings
) -> None:
    basic = ("-m", "hydra/launcher=basic", *TINY, "trainer.epochs=2", "noise=masking")
    said = cli(*basic, f"data.root={settings.root}")
    assert said.status == 0, said.err
    (table,) = old.glob("outputs/*/comparison.csv")
    rows = [line.split(",")[0] for line in table.read_text(encoding="utf-8").splitlines()]
    assert rows[1:] == ["none", "masking fraction=0.25"]
