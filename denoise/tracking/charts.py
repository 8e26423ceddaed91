"""Where MLflow's pages show a run, and the runs of a sweep beside each other."""

import base64
import json
import shlex
import zlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

import mlflow

from denoise import metrics
from denoise.config.settings import Tracking
from denoise.figures import colours
from denoise.tracking import failures, search, store

MOST = 100  # runs: with more, MLflow's charts take long (its issue 21841)
UI = "http://127.0.0.1:5000"


def command() -> str:
    """What serves the store's pages; '' for a server, which does so itself."""
    used = mlflow.get_tracking_uri()
    if used.startswith("http"):
        return ""
    if store.sqlite_file(used) == Path("mlflow.db").absolute():
        return "mlflow ui"
    return f"mlflow ui --backend-store-uri {shlex.quote(failures.without_secret(used))}"


def _pages() -> str:
    used = mlflow.get_tracking_uri()
    return failures.without_secret(used).rstrip("/") if used.startswith("http") else UI


def share(settings: Tracking, sweep: str, run_ids: Sequence[str], *, last_step: int) -> str:
    """The address of a chart view of the sweep's runs side by side, at most of the first `MOST`.

    MLflow's own chart view hides pictures below every parameter of the run and opens them at the
    first step. So this saves a view, as its share button would, in which pictures come first: those
    after the last epoch, after the first, and before it. The metrics follow. A chart of two image
    keys is a table with a column for each run; in a chart of one key, each picture would have the
    full width and hide those of other runs. Each run gets a colour of its own, because those that
    MLflow draws from the ids may be alike.
    """
    experiment, client = store.prepare(settings), mlflow.MlflowClient()
    run_ids = run_ids[:MOST]
    found = client.search_runs([experiment], search.one_of(run_ids), max_results=MOST)
    there = {key.partition("/")[0] for run in found for key in run.data.metrics}
    groups = [group for group in metrics.GROUPS if group in there]
    pictures = {last_step: ("reconstructions", "tsne")}
    pictures |= {step: ("reconstructions", "noise") for step in (1, 0) if step != last_step}
    state = {
        "searchFilter": search.one_of(run_ids),
        "orderByAsc": True,
        "isAccordionReordered": True,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunSections": [
            {"uuid": "pictures", "name": "pictures", "display": True, "isGenerated": True}
            | {"columns": 1, "cardHeight": 800},
            *({"uuid": group, "name": group, "display": True} for group in groups),
        ],
        "compareRunCharts": [
            {"uuid": f"step {step}", "type": "IMAGE", "imageKeys": keys, "step": step}
            | {"isGenerated": True, "metricSectionId": "pictures"}
            | {"runsCountToCompare": len(run_ids), "showRunParams": False}
            for step, keys in pictures.items()
        ],
    }
    for run_id, colour in zip(run_ids, colours(len(run_ids)), strict=True):
        client.set_tag(run_id, "mlflow.runColor", colour)
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    client.set_experiment_tag(experiment, f"mlflow.sharedViewState.{sweep}", f"deflate;{packed}")
    query = urlencode({"compareRunsMode": "CHART", "viewStateShareKey": sweep})
    return f"{_pages()}/#/experiments/{experiment}/runs?{query}"


def run_address(settings: Tracking, run_id: str) -> str:
    """The address of a run's page."""
    return f"{_pages()}/#/experiments/{store.prepare(settings)}/runs/{run_id}"
