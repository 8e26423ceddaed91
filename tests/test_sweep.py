"""Many runs: the real command, its workers, its table, its end."""

import base64
import csv
import itertools
import json
import os
import re
import shutil
import signal
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import joblib
import pytest
import torch
from hydra.core.hydra_config import HydraConfig
from mlflow import MlflowClient
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from denoise import data, metrics
from denoise.comparison import write
from denoise.config.compose import checked
from denoise.config.identity import LONGEST_NAME, run_name
from denoise.config.settings import Tracking
from denoise.errors import StoreUnavailableError, UserError
from denoise.manifest import sha256
from denoise.runs import code, elsewhere, evaluation, plan, screen, table
from denoise.runs import sweep as sweep_module
from denoise.runs.launch import Launch
from denoise.tracking import charts, search, sweeps
from denoise.tracking.records import SWEEP, Contents
from denoise.tracking.store import prepare
from tests import plug_ins
from tests.conftest import (
    ROOT,
    SMALL,
    SWEPT,
    Said,
    command,
    ended,
    group_is_alive,
    jobs,
    tracked,
    wait_until,
)

Cli = Callable[..., Said]
STORE = Tracking(None, "denoise")


SEARCH = """
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper


class Search(Sweeper):
    def __init__(self, **_):
        pass

    def setup(self, *, hydra_context, task_function, config):
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments):
        for number, tried in enumerate(("noise.sigma=1", "seed=1", "trainer.learning_rate=1e30")):
            (done,) = self.launcher.launch([[*arguments, tried]], initial_job_idx=number)
            print("score", done.return_value)
"""


def test_a_sweeper_that_searches_gets_the_scores_of_its_runs(
    small: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "hydra_plugins").mkdir()
    (tmp_path / "hydra_plugins" / "search.py").write_text(SEARCH)
    typed = ("-m", *small, "hydra.sweeper={_target_:hydra_plugins.search.Search}")
    first, again = (ended(command(tmp_path, *typed), tmp_path) for _ in range(2))
    found = first.runs("tags.noise = 'gaussian' and attributes.status = 'FINISHED'")
    scores = [f"score {run.data.metrics['test/loss']}" for run in reversed(found)]
    assert len(scores) == 2
    for said, status in ((first, "FINISHED"), (again, "REUSED")):
        assert re.findall("score .*", said.out) == [*scores, "score nan"]
        assert said.out.count(f"│ {status}") == 2, said.out


def test_every_run_is_finished_named_and_of_one_sweep(sweep: Said) -> None:
    assert sweep.status == 0, sweep.err
    runs = sweep.runs(SWEPT)
    assert {run.info.run_name for run in runs} == {
        "none",
        "gaussian σ=0.1",
        "gaussian σ=0.5",
    }
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len({run.data.tags["sweep"] for run in runs}) == 1
    assert len({run.data.tags["mlflow.runColor"] for run in runs}) == 3
    assert all("mlflow.parentRunId" not in run.data.tags for run in runs)


@pytest.mark.parametrize(
    ("overrides", "name"),
    {
        (): "gaussian σ=1",
        ("noise.sigma=0.50", "model=conv"): "gaussian σ=0.5 conv",
        ("trainer=smoke", "seed=1"): "gaussian σ=1 smoke seed=1",
        ("evaluation.perplexity=20",): "gaussian σ=1 perplexity=20",
        ("evaluation.robust.blur.sigma=2",): "gaussian σ=1 robust.blur.sigma=2",
        ("~evaluation.robust.blur",): "gaussian σ=1 ~evaluation.robust.blur",
        ("noise=mixture", "noise.noises.gaussian.sigma=2"): "mixture noises.gaussian.sigma=2",
        ("noise.sigma=0", "seed=1"): "none seed=1",
        ("noise=none", "force=true", "trainer.device=cpu", "tracking.offline=true"): "none",
    }.items(),
)
def test_a_run_is_named_by_all_that_it_was_given_to_differ_by(
    composed: Callable[..., DictConfig], overrides: tuple[str, ...], name: str
) -> None:
    plain = checked(composed(*overrides)).plain
    assert run_name(plain, HydraConfig.get()) == name


def test_a_name_is_no_longer_than_stores_take(composed: Callable[..., DictConfig]) -> None:
    cfg = composed(f"evaluation.robust.blur.sigma={1:0300}")
    assert len(run_name({"noise": dict(cfg.noise)}, HydraConfig.get())) == LONGEST_NAME


def test_the_screen_has_a_line_an_epoch_and_the_table(sweep: Said) -> None:
    for name in ("none", "gaussian σ=0.1", "gaussian σ=0.5"):
        for epoch in (1, 2):
            assert f"{name}: epoch {epoch}/2  train/loss" in sweep.out
    for run in sweep.runs(SWEPT):
        assert run.info.run_id in sweep.out
    assert "Browse: mlflow ui, then http://127.0.0.1:5000/#/experiments/" in sweep.out
    assert "\x1b" not in sweep.out
    assert sweep.err == ""


def test_the_summary_run_has_the_plan_and_the_table(sweep: Said) -> None:
    (run, *_) = sweep.runs(SWEPT)
    its = f"tags.sweep = '{run.data.tags['sweep']}'"
    (summary,) = sweep.runs(f"tags.summary = 'true' and {its}")
    path = Path(summary.info.artifact_uri.removeprefix("file://")) / "sweep.csv"
    planned = sweeps.read(path.with_name(sweeps.FILE).read_bytes()).runs
    hashes = {run.data.tags["config_hash"] for run in sweep.runs(SWEPT)}
    assert {each.hashes[0] for each in planned} == hashes
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [row["run"] for row in rows] == ["none", "gaussian σ=0.1", "gaussian σ=0.5"]
    for row in rows:
        (run,) = sweep.runs(f"attributes.run_id = '{row['run id']}'")
        assert row["last epoch train / test"].endswith(f"{run.data.metrics['test/loss']:.4f}")


@pytest.mark.usefixtures("fresh_folder")
def test_a_long_table_is_cut_after_a_row_where_stores_take_no_more() -> None:
    table = [row("a run", run_id="0" * 32)] * 200
    with tracked(STORE, Path("sweep"), kind=SWEEP, tags={"summary": "true", "sweep": ""}) as run:
        sweep_module._sum_up(run, table)
    client = MlflowClient()
    note = client.get_run(run.run_id).data.tags["mlflow.note.content"]
    assert 7000 < len(note) <= 8000
    assert note.splitlines()[-1] == note.splitlines()[2]
    assert search.of_sweep(STORE, "") == search.one_of(["0" * 32] * 200)
    artifacts = client.get_run(run.run_id).info.artifact_uri
    (Path(artifacts.removeprefix("file://")) / "sweep.csv").unlink()
    assert search.of_sweep(STORE, "") == "tags.sweep = ''"


def row(name: str, **fields: str) -> Contents:
    """The record of a finished job."""
    job = {"name": name, "status": "FINISHED", "seconds": 1, "error": ""}
    return Contents({"job": job, **fields})


def test_times_are_shown_as_a_clock_shows_them() -> None:
    assert [screen.clock(seconds) for seconds in (0, 59.4, 59.6, 419.7)] == [
        *("0:00", "0:59", "1:00", "7:00")
    ]


def _chart_groups(said: Said) -> set[str]:
    """The sections of the chart view that the sweep's address opens."""
    client = MlflowClient(f"sqlite:///{said.folder / 'mlflow.db'}")
    tags = client.get_experiment_by_name("denoise").tags
    (packed,) = [tags[key] for key in tags if key.startswith("mlflow.sharedViewState.")]
    state = json.loads(zlib.decompress(base64.b64decode(packed.removeprefix("deflate;"))))
    return {section["name"] for section in state["compareRunSections"]}


def test_the_table_has_the_whole_run_id_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "console", lambda: Console(width=80))
    run_id = "0123456789abcdef" * 2
    table.show([row("gaussian σ=0.1", run_id=run_id)])
    lines = capsys.readouterr().out.splitlines()
    assert "".join(line.split("│")[-2].strip() for line in lines if "│" in line) == run_id


@pytest.mark.usefixtures("fresh_folder")
def test_the_command_to_browse_with_names_the_store_unless_it_is_mlflows_own() -> None:
    prepare(STORE)
    assert charts.command() == "mlflow ui"
    prepare(Tracking("sqlite:///other.db", "denoise"))
    assert (
        charts.command() == f"mlflow ui --backend-store-uri sqlite:///{Path('other.db').absolute()}"
    )


def test_runs_one_by_one_have_the_same_losses_as_side_by_side(
    sweep: Said, cli: Cli, settings: data.Settings
) -> None:
    said = cli(
        "-m",
        "hydra/launcher=basic",
        "trainer=smoke",
        "noise=gaussian",
        "noise.sigma=0.1",
        f"data.root={settings.root}",
    )
    assert said.status == 0, said.err
    (mine,) = said.runs("tags.noise = 'gaussian'")
    (theirs,) = sweep.runs("params.`noise.sigma` = '0.1'")
    for metric in ("train/loss", "test/loss"):
        assert mine.data.metrics[metric] == pytest.approx(theirs.data.metrics[metric], abs=1e-4)


@pytest.fixture
def all_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine of six cores, on which nothing says how many threads a run may have."""
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "to be put back")
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(joblib, "cpu_count", lambda: 6)
    monkeypatch.setattr(joblib, "effective_n_jobs", lambda _: 6)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("all_threads")
def test_a_failing_job_stops_no_other_and_is_one_line(cli: Cli, settings: data.Settings) -> None:
    """One by one, with the threads that each of the two would have side by side."""
    said = cli(
        "-m",
        "hydra/launcher=basic",
        *SMALL,
        "trainer.epochs=1",
        "noise.sigma=1e30,0.1",
        f"data.root={settings.root}",
    )
    assert said.status == 1
    failed, finished = said.runs("tags.noise = 'gaussian'")[::-1]
    assert (failed.info.status, finished.info.status) == ("FAILED", "FINISHED")
    assert "All runs: smoke train_size=512 test_size=600 tsne_codes=200 epochs=1" in said.out
    assert re.search(r"^gaussian σ=1e\+30: FloatingPointError: .*$", said.out, re.M)
    assert re.search(r"│ gaussian σ=0.1 +│ FINISHED", said.out)
    assert "Runs: 2, at a time: 1, threads for each: 3" in said.out
    assert torch.get_num_threads() == 3
    assert {"train", "test", "latent"} <= _chart_groups(said)


def test_four_runs_at_a_time_share_a_gpu_unless_asked_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 16)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for asked, at_a_time in ((-1, 4), (8, 8)):
        launcher = OmegaConf.create({"n_jobs": asked})
        workers = plan._of_this_machine(launcher, 10, is_on_gpu=True)
        assert workers == (at_a_time, 16 // at_a_time)


def test_a_screen_that_is_not_utf_8_gets_table_and_page_all_the_same(
    settings: data.Settings, fresh_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    small = ("-m", "hydra/launcher=basic", *SMALL, "trainer.epochs=1", "noise.sigma=0.1,0.2")
    said = ended(command(fresh_folder, *small, f"data.root={settings.root}"), fresh_folder)
    assert said.status == 0, said.err
    assert "gaussian ?=0.1" in said.out
    assert list(fresh_folder.glob("outputs/*/sweep.csv"))
    assert list(fresh_folder.glob("outputs/*/comparison.html"))


@pytest.fixture
def small(settings: data.Settings) -> tuple[str, ...]:
    """Runs of one epoch, one after another."""
    return (*SMALL, "trainer.epochs=1", "hydra/launcher=basic", f"data.root={settings.root}")


RAISING = ("noise=none", "noise._target_=tests.plug_ins.Raising")


def written(said: Said) -> set[str]:
    """Which of the files that a sweep ends with are in its folder."""
    ends = ("sweep.csv", "comparison.html")
    return {path.name for end in ends for path in said.folder.glob(f"outputs/*/{end}")}


def test_whatever_a_users_noise_raises_ends_its_run_only(
    cli: Cli, small: tuple[str, ...], fresh_folder: Path
) -> None:
    said = cli("-m", *small, *RAISING, f"+noise.how={','.join(plug_ins.ERRORS)},none")
    assert said.status == 1
    (table,) = fresh_folder.glob("outputs/*/sweep.csv")
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert [row["status"] for row in rows] == ["FAILED"] * len(plug_ins.ERRORS) + ["FINISHED"]
    assert [row["error"] for row in rows] == [
        "SystemExit: 0",
        "SystemExit: the user's own words",
        "GeneratorExit",
        "UnknownError: what is this?",
        "MuteError",
        "ValueError",
        f"ValueError: {'x' * 2000}",
        "ValueError: odd ? ? ?[31m [/red] | letters",
        "",
    ]
    statuses = Counter(run.info.status for run in said.runs("tags.noise = 'none'"))
    assert statuses == {"FAILED": len(plug_ins.ERRORS), "FINISHED": 1}
    assert written(said) == {"sweep.csv", "comparison.html"}


@pytest.mark.faults
def test_a_killed_worker_leaves_table_and_page(settings: data.Settings, fresh_folder: Path) -> None:
    """Of two workers, one starts the run that kills it once it has finished another run."""
    (fresh_folder / "tests").symlink_to(ROOT / "tests")
    two = (*SMALL, "trainer.epochs=1", "hydra.launcher.n_jobs=2", f"data.root={settings.root}")
    killing = (*RAISING, "+noise.how=none,nothing,kill")
    said = ended(command(fresh_folder, "-m", *two, *killing), fresh_folder)
    assert (said.status, "a worker was killed" in said.err) == (1, True), said.err
    assert ": its process was killed, perhaps for lack of memory or time" in said.out
    assert written(said) == {"sweep.csv", "comparison.html"}


@pytest.mark.faults
@pytest.mark.parametrize(
    "screen",
    ['exec "$@" >&-', 'exec "$@" >&- 2>&-', 'exec "$@" >/dev/full', '"$@" | head -1'],
)
def test_a_screen_that_takes_nothing_leaves_table_and_page(
    small: tuple[str, ...], fresh_folder: Path, screen: str
) -> None:
    (fresh_folder / "tests").symlink_to(ROOT / "tests")
    process = command(
        *(fresh_folder, "-m", *small, *RAISING, "+noise.how=close"),
        within=("sh", "-c", screen, "sh"),
    )
    said = ended(process, fresh_folder)
    assert (said.status, said.err) == (0, "")
    assert written(said) == {"sweep.csv", "comparison.html"}


def test_a_callback_that_ends_the_process_leaves_table_and_page(
    cli: Cli, small: tuple[str, ...]
) -> None:
    exiting = "+hydra.callbacks.mine._target_=tests.plug_ins.Exiting"
    said = cli("-m", *small, exiting, "noise.sigma=0.1,0.2")
    assert said.status == 7
    assert "1 of 2 runs did not begin" in said.out
    assert written(said) == {"sweep.csv", "comparison.html"}


def test_a_model_that_raises_stops_no_sweep_before_it_begins(
    cli: Cli, small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its speed is not measured, and its run fails. A page that fails does not cost the table."""

    def fails(*_: object) -> None:
        raise ZeroDivisionError("no page")

    monkeypatch.setattr(write, "write", fails)
    broken = (
        "~model.latent_dim",
        "model._target_=tests.plug_ins.Copying",
        "+model.breaks=training,''",
    )
    said = cli("-m", *small, *broken)
    assert said.status == 1
    assert "No estimate of the time: a mistake in the model" in said.out
    assert "ArithmeticError: a mistake in the model" in said.out
    assert (said.out.count("│ FAILED"), said.out.count("│ FINISHED")) == (1, 1)
    assert "No comparison: no page" in said.out
    assert written(said) == {"sweep.csv"}


def test_a_store_that_refuses_what_is_asked_at_the_end_does_not_cost_the_table(
    cli: Cli, small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_: object) -> None:
        raise UserError("the experiment was deleted")

    monkeypatch.setattr(elsewhere, "wait", refuses)
    said = cli("-m", *small, "noise.sigma=0.1,0.2")
    assert said.status == 0, said.err
    assert "Runs on other machines are left out: the experiment was deleted" in said.out
    assert said.out.count("│ FINISHED") == 2
    assert written(said) == {"sweep.csv", "comparison.html"}


def test_two_sweeps_launched_at_once_in_a_fresh_folder(sweeps: list[Said]) -> None:
    for said in sweeps:
        assert said.status == 0, said.err
    runs = said.runs("tags.noise LIKE '%'")
    assert [run.info.status for run in runs] == ["FINISHED"] * 4
    of_each = Counter(run.data.tags["sweep"] for run in runs)
    assert sorted(of_each.values()) == [1, 3]
    assert len({run.info.experiment_id for run in runs}) == 1


def test_a_shuffled_sweep_trains_each_of_its_runs(
    cli: Cli, settings: data.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra shuffles the jobs again after they were planned."""
    turns = itertools.count(1)

    def rotate(jobs: list[Any]) -> None:
        first = next(turns) % len(jobs)
        jobs[:] = jobs[first:] + jobs[:first]

    monkeypatch.setattr("hydra.core.override_parser.types.shuffle", rotate)
    small = (*SMALL, "trainer.epochs=1", f"data.root={settings.root}", "hydra/launcher=basic")
    assert cli(*small, "noise.sigma=0.2").status == 0
    said = cli("-m", *small, "noise.sigma=shuffle(0.1,0.2,0.3)")
    assert said.status == 0, said.err
    sigmas = sorted(run.data.params["noise.sigma"] for run in said.runs("tags.noise != ''"))
    assert sigmas == ["0.1", "0.2", "0.3"]


def test_a_sweep_whose_own_run_is_deleted_succeeds_as_its_runs_did(
    cli: Cli, settings: data.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    conclude = sweep_module._conclude

    def deleted(launched: Launch, jobs: Sequence[Contents], **how: Any) -> None:
        assert launched.summary
        MlflowClient().delete_run(launched.summary.run_id)
        conclude(launched, jobs, **how)

    monkeypatch.setattr(sweep_module, "_conclude", deleted)
    tiny = (*SMALL, "trainer.epochs=1", f"data.root={settings.root}")
    said = cli("-m", "hydra/launcher=basic", *tiny, "seed=1,2")
    assert said.status == 0, said.err
    assert said.out.count("FINISHED") == 2


def test_what_is_finished_is_not_trained_again(cli: Cli, settings: data.Settings) -> None:
    small = (*SMALL, "trainer.epochs=1", f"data.root={settings.root}")
    assert cli(*small, "noise.sigma=0.1").status == 0
    one_by_one = ("-m", "hydra/launcher=basic", "hydra.sweeper.max_batch_size=1")
    said = cli(*one_by_one, *small, "noise.sigma=0.1,0.2")
    assert said.status == 0, said.err
    assert "Finished earlier and reused: 1" in said.out
    new, old = said.runs("tags.noise = 'gaussian'")
    assert (old.data.params["noise.sigma"], new.data.params["noise.sigma"]) == ("0.1", "0.2")
    assert re.search(rf"│ gaussian σ=0.1 .*│ REUSED .*│ {old.info.run_id} │", said.out)
    loss = f"{old.data.metrics['train/loss']:.4f} / {old.data.metrics['test/loss']:.4f}"
    assert said.out.count(f"│ {loss} ") == 2  # its first epoch is its last
    of_sweep = search.of_sweep(STORE, "latest")
    assert {run.id for run in search.search(STORE, of_sweep)} == {
        old.info.run_id,
        new.info.run_id,
    }
    reusing = ("experiment=objective2", "hydra/launcher=basic", *small, "noise.sigma=0.1")
    assert cli(*reusing).status == 0
    for name in ("latest", "objective2"):
        of_sweep = search.of_sweep(STORE, name)  # in which all was reused
        assert [run.id for run in search.search(STORE, of_sweep)] == [old.info.run_id]
    of_sweep = search.of_sweep(STORE, "latest", "params.noise.sigma > 0.1")
    assert len(search.search(STORE, of_sweep)) == 2
    mine = ("-m", "hydra/launcher=basic", *small, "hydra.sweep.dir=outputs/mine")
    for values in ("0.1,0.2", "0.2"):  # of the first, nothing is left in the second's table
        said = cli(*mine, f"noise.sigma={values}")
        assert (said.status, said.out.count("│ REUSED ")) == (0, len(values.split(",")))
    assert cli(*reusing, "hydra.sweep.dir=.").status == 0
    of_sweep = search.of_sweep(STORE, Path.cwd().name)
    assert {run.params["noise.sigma"] for run in search.search(STORE, of_sweep)} == {"0.1"}
    said = cli("-m", "hydra/launcher=basic", *small, "noise.sigma=0.1,0.05,0.2,0.15")
    assert re.findall(r"│ gaussian σ=(\S+)", said.out) == ["0.1", "0.05", "0.2", "0.15"]
    assert cli(*small, "noise.sigma=0.1", "force=true").status == 0
    assert len(said.runs("tags.noise = 'gaussian'")) == 5


def test_what_an_interrupted_run_left_here_does_not_replace_what_it_finished_elsewhere(
    cli: Cli, settings: data.Settings
) -> None:
    small = (*SMALL, "trainer.epochs=2", f"data.root={settings.root}")
    (before,) = cli(*small, "hydra.run.dir=elsewhere").runs()
    shutil.copytree("elsewhere", "mine")
    weights, stale = "checkpoints/last.safetensors", Path("mine/record.json")
    (Path("mine") / weights).write_bytes(b"of the first epoch")
    fields = json.loads(stale.read_text())
    fields |= {"status": "KILLED", "mirrored": True}
    fields["files"][weights] = sha256(Path("mine") / weights)
    stale.write_text(json.dumps(fields))
    said = cli(*small, "evaluation.map_seed=null", "hydra.run.dir=mine")
    assert said.status == 0, said.err
    (after,) = said.runs()
    assert (after.info.run_id, after.info.status) == (before.info.run_id, "FINISHED")
    stored = Path(after.info.artifact_uri.removeprefix("file://"))
    assert (stored / weights).read_bytes() == (Path("elsewhere") / weights).read_bytes()
    assert (stored / "figures" / "tsne.png").exists()


def test_a_finished_run_gets_a_map_that_is_asked_for_later_without_training(
    cli: Cli, settings: data.Settings
) -> None:
    small = (*SMALL, "trainer.epochs=1", f"data.root={settings.root}")
    (before,) = cli(*small).runs()
    assert "latent/trustworthiness" not in before.data.metrics
    said = cli(*small, "evaluation.map_seed=null")
    assert said.status == 0, said.err
    assert "evaluating what the run lacks, from its checkpoint" in said.out
    assert "epoch 1/1" not in said.out
    (after,) = said.runs()
    assert after.info.run_id == before.info.run_id
    assert after.data.metrics.items() > before.data.metrics.items()
    folder = Path(after.info.artifact_uri.removeprefix("file://"))
    assert (folder / "figures" / "tsne.png").exists()
    assert (folder / "tables" / "codes.csv").exists()


def test_a_config_that_a_sweep_has_twice_is_trained_once(cli: Cli, settings: data.Settings) -> None:
    small = (*SMALL, "trainer.epochs=1", f"data.root={settings.root}")
    said = cli("-m", *small, "noise.sigma=0.1,0.1")
    assert (said.status, said.out.count("│ FINISHED"), said.out.count("│ REUSED ")) == (0, 1, 1)
    assert len(said.runs("tags.noise = 'gaussian'")) == 1


def test_a_folder_that_reused_a_run_can_complete_it_later(
    cli: Cli, settings: data.Settings
) -> None:
    small = (*SMALL, "trainer.epochs=1", f"data.root={settings.root}")
    (run,) = cli(*small).runs()
    stored = Path(run.info.artifact_uri.removeprefix("file://"), "record.json")
    before = json.loads(stored.read_text())["files"]
    for typed in ("evaluation.map_seed=5", "evaluation.map_seed=null", "evaluation.map_seed=null"):
        said = cli(*small, typed, "hydra.run.dir=again")
        assert (said.status, said.out.count("│ REUSED ")) == (0, 1), said.err
    after = json.loads(stored.read_text())["files"]
    assert after.keys() > {*before, "figures/tsne.png"}


def test_a_run_whose_record_in_the_store_was_cut_short_is_reused_and_completed(
    cli: Cli, settings: data.Settings
) -> None:
    small = (*SMALL, "trainer.epochs=1", f"data.root={settings.root}")
    (run,) = cli(*small).runs()
    stored = Path(run.info.artifact_uri.removeprefix("file://"), "record.json")
    for typed in ((), ("evaluation.map_seed=null",)):
        stored.write_text(stored.read_text()[:100])
        said = cli(*small, *typed, "hydra.run.dir=again")
        assert (said.status, said.out.count("│ REUSED ")) == (0, 1), said.out
    client = MlflowClient(f"sqlite:///{said.folder}/mlflow.db")
    assert len(client.get_metric_history(run.info.run_id, "train/loss")) == 1
    assert client.get_run(run.info.run_id).data.metrics["latent/trustworthiness"] > 0
    assert json.loads(stored.read_text())["status"] == "FINISHED"


def test_a_run_that_finished_before_a_score_existed_gets_it_when_it_is_typed_again(
    cli: Cli, settings: data.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = (*SMALL, "trainer.epochs=1", f"data.root={settings.root}")
    new, lacking = metrics.FEW_LABEL_ACCURACY.key, evaluation.lacking
    with monkeypatch.context() as earlier:
        earlier.setattr(evaluation, "lacking", lambda *given: lacking(*given) - {new})
        (before,) = cli(*small).runs()
    said = cli(*small)
    assert "evaluating what the run lacks, from its checkpoint" in said.out
    assert "epoch 1/1" not in said.out
    (after,) = said.runs()
    assert after.info.run_id == before.info.run_id
    assert after.data.metrics == before.data.metrics | {new: after.data.metrics[new]}
    assert 0.2 < after.data.metrics[new] < 0.8
    assert "evaluating what the run lacks" not in cli(*small).out


def test_a_finished_run_is_not_trained_again_because_the_store_does_not_send_its_record(
    cli: Cli, settings: data.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = (*SMALL, "trainer.epochs=1", f"data.root={settings.root}")
    cli(*small)
    monkeypatch.setattr(search, "contents", Mock(side_effect=StoreUnavailableError("away")))
    said = cli(*small)
    assert (said.status, "failed: away" in said.out) == (1, True), said.out
    assert len(said.runs("tags.noise = 'gaussian'")) == 1


def test_reusing_a_run_from_other_code_is_logged(
    cli: Cli, settings: data.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said_under(commit: str, dirty: str, *more: str) -> str:
        tags = {"git.commit": commit, "git.dirty": dirty}
        monkeypatch.setattr(code, "tags", lambda: tags)
        return cli(*more, *SMALL, "trainer.epochs=1", f"data.root={settings.root}").out

    differs = "with code that may differ from today's"
    assert "finished earlier" not in said_under("a", "false")
    assert "finished earlier, as run" in said_under("a", "false")
    assert differs in said_under("b", "false")
    assert differs in said_under("a", "true")
    assert f"reused: 1, 1 {differs} (force=true" in said_under("b", "false", "-m")
    assert "reused: 1 (force=true" in said_under("a", "false", "-m")


def test_ctrl_c_marks_runs_killed_and_leaves_no_worker(
    settings: data.Settings, fresh_folder: Path
) -> None:
    arguments = ("-m", *SMALL, "trainer.epochs=10000", "noise.sigma=0.1,0.2")
    process = command(fresh_folder, *arguments, f"data.root={settings.root}")

    def training() -> bool:
        return len(jobs(fresh_folder)) == 2 and all(job.epochs for job in jobs(fresh_folder))

    try:
        wait_until(training)
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said = ended(process, fresh_folder)
    assert said.status == 130, said.err
    runs = said.runs("tags.noise = 'gaussian'")
    assert [run.info.status for run in runs] == ["KILLED"] * 2
    assert not [run for run in said.runs() if run.info.status == "RUNNING"]
    assert "Traceback" not in said.err
    wait_until(lambda: not group_is_alive(process.pid))


def test_a_sweep_waits_for_runs_that_another_command_trains_unless_it_is_told_not_to(
    settings: data.Settings, fresh_folder: Path
) -> None:
    (fresh_folder / "tests").symlink_to(ROOT / "tests")
    go = fresh_folder / "go"
    waiting = ("noise=none", "noise._target_=tests.plug_ins.Waiting", f"+noise.go={go}", "seed=1,2")
    typed = ("-m", *SMALL, "trainer.epochs=1", *waiting, f"data.root={settings.root}")
    first = command(fresh_folder, *typed)
    later = []
    try:
        here, running = Said(0, "", "", fresh_folder), "attributes.status = 'RUNNING'"
        wait_until(lambda: len(here.runs(f"{running} and tags.noise != ''")) == 2)
        left = ended(command(fresh_folder, *typed, "tracking.wait=false"), fresh_folder)
        later.append(command(fresh_folder, *typed))
        wait_until(lambda: len(list(fresh_folder.glob("outputs/*/plan.json"))) == 3)
    finally:
        go.touch()
    said = [ended(process, fresh_folder) for process in (first, *later)]
    assert [one.status for one in said] == [0, 0], [one.err + one.out for one in said]
    assert said[0].out.count("│ FINISHED") == 2
    assert said[1].out.count("│ REUSED") == 2
    assert len(here.runs("tags.noise != ''")) == 2
    assert (left.status, left.out.count("│ SKIPPED")) == (0, 2), left.out + left.err


def test_a_finished_run_is_reused_and_completed_after_its_folder_was_deleted(
    cli: Cli, settings: data.Settings
) -> None:
    small = (*SMALL, "trainer.epochs=1", f"data.root={settings.root}")
    (before,) = cli(*small).runs()
    shutil.rmtree("outputs")
    for typed in ((), ("evaluation.map_seed=null",)):
        said = cli(*small, *typed)
        assert (said.status, said.out.count("│ REUSED")) == (0, 1), said.out + said.err
    (after,) = said.runs()
    assert after.info.run_id == before.info.run_id
    assert after.data.metrics["latent/trustworthiness"] > 0


def test_the_summary_run_in_the_store_holds_the_page_and_the_tables(sweep: Said) -> None:
    (run, *_) = sweep.runs(SWEPT)
    its = f"tags.sweep = '{run.data.tags['sweep']}'"
    (summary,) = sweep.runs(f"tags.summary = 'true' and {its}")
    stored = Path(summary.info.artifact_uri.removeprefix("file://"))
    for name in ("comparison.html", "comparison.csv", "comparison.md", "sweep.csv", "plan.json"):
        here = sweep.folder / "outputs" / run.data.tags["sweep"] / name
        assert (stored / name).read_bytes() == here.read_bytes()


def test_a_folder_keeps_its_run_until_that_is_deleted_then_it_names_the_one_that_is_reused(
    cli: Cli, small: tuple[str, ...]
) -> None:
    (first,) = cli(*small, "hydra.run.dir=mine").runs()
    (second, _) = cli(*small, "hydra.run.dir=elsewhere", "force=true").runs()
    for named in (first.info.run_id, second.info.run_id):
        said = cli(*small, "hydra.run.dir=mine")
        assert "│ REUSED" in said.out
        assert named in said.out
        assert screen.read_jobs([Path("mine")])[0].fields["run_id"] == named
        MlflowClient().delete_run(first.info.run_id)
