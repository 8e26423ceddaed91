"""The files of runs and models in the store: listed, downloaded, registered.

Everything here raises `StoreUnavailableError` if the store does not answer.
"""

import contextlib
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import requests
from mlflow import MlflowClient, MlflowException

from denoise import manifest
from denoise.errors import StoreUnavailableError, UserError
from denoise.tracking import failures, mirror, store
from denoise.tracking.records import check_inside

if TYPE_CHECKING:
    from denoise.tracking.search import Found

PARTS = ("config", "checkpoints", "figures", "tables", "model")
UNFINISHED = ".artifact.uploading."  # how MLflow begins the name of a file until it is uploaded
NEEDED = ("config/config.yaml", "checkpoints/last.safetensors")


@contextlib.contextmanager
def answered(refused: str = "the store refuses the request") -> Iterator[None]:
    """Translate MLflow's exceptions: `StoreUnavailableError` if the store does not answer.

    If the store refuses the request, the message of the `UserError` begins with `refused`.
    """
    try:
        yield
    except (MlflowException, requests.RequestException, ImportError) as error:
        if failures.is_refused(error):
            raise UserError(f"{refused}: {failures.reason(error)}") from None
        raise StoreUnavailableError(f"the store is unavailable: {failures.reason(error)}") from None


@answered()
def files(run_id: str) -> dict[str, int]:
    """The paths of the run's artifacts, with their sizes in bytes.

    `UserError` if a path leads out of the folder that the files are downloaded to.
    """
    client = MlflowClient()
    listed: dict[str, int] = {}
    folders = [""]
    while folders:
        for entry in client.list_artifacts(run_id, folders.pop() or None):
            check_inside([entry.path])
            if entry.is_dir:
                folders.append(entry.path)
            elif not entry.path.rpartition("/")[2].startswith(UNFINISHED):
                listed[entry.path] = entry.file_size or 0
    return listed


@answered()
def download(run_id: str, path: str, folder: Path) -> None:
    """Download one artifact of a run, or a folder of them, to its own path in `folder`."""
    target = (folder / path).parent
    target.mkdir(parents=True, exist_ok=True)
    MlflowClient().download_artifacts(run_id, path, str(target))


def content(run_id: str, path: str) -> bytes:
    """What is in one artifact of a run."""
    with tempfile.TemporaryDirectory() as folder:
        download(run_id, path, Path(folder))
        return (Path(folder) / path).read_bytes()


@answered()
def download_registered(uri: str, folder: Path) -> None:
    """Download the config and checkpoints of the run behind a registered model.

    `UserError` if `uri` is not like `models:/NAME@ALIAS` or `models:/NAME/VERSION`, or if there is
    no such model.
    """
    match = re.fullmatch(r"models:/([^/@]+)([/@])([^/@]+)", uri)
    if not match:
        raise UserError(f"{uri} is not of the form models:/NAME@ALIAS or models:/NAME/VERSION")
    store.configure()
    address = store.uri(None)
    mlflow.set_tracking_uri(address)  # MLflow's default would make a folder `a%20b` beside `a b`
    if (file := store.sqlite_file(address)) and not file.exists():
        raise UserError(f"{uri} is not in the registry: there is no {file}")
    name, kind, version = match.groups()
    client = MlflowClient()
    find = client.get_model_version_by_alias if kind == "@" else client.get_model_version
    with answered(f"{uri} is not in the registry"):
        run_id = str(find(name, version).run_id)
    store.close_at_exit()
    for part in ("config", "checkpoints"):
        download(run_id, part, folder)


@answered()
def register(run_id: str, name: str) -> str:
    """Register the model that a run logged, move the alias `best` to it, and return its version."""
    models = mirror.models(MlflowClient(), run_id)
    if not models:
        raise UserError(f"run {run_id} has logged no model that could be registered")
    with answered(f"the model cannot be registered as {name}"):
        version = mlflow.register_model(f"models:/{models[0]}", name).version
        MlflowClient().set_registered_model_alias(name, "best", version)
    store.close_at_exit()
    return str(version)


def pull(
    run: "Found", folder: Path, only: Collection[str], *, force: bool, progress: Callable[..., None]
) -> bool:
    """Download the files of a run to `folder`, all or none; False if it is up to date already.

    `only` names the `PARTS` to download. If it is empty, all are, and so are top-level files.
    `progress` is called with the bytes `completed` and their `total`.
    `UserError` if the folder has other content, unless `force` replaces it and a run was pulled
    into it before.
    """
    parts = sorted(only or PARTS)
    if folder.exists() and any(folder.iterdir()):
        if _is_up_to_date(folder, run, parts):
            return False
        if not (folder / manifest.FILE).exists():
            raise UserError(f"{folder} is not a pulled run; choose another folder with --to")
        if not force:
            raise UserError(
                f"{folder} has something else in it; replace it with --force, or choose another "
                "folder with --to"
            )
    with manifest.staging(folder.parent) as staging:
        whole = Path(staging) / folder.name
        whole.mkdir()
        _download_all(run, parts, whole, progress)
        manifest.write(whole, _about(run, parts))
        if folder.exists():
            folder.replace(Path(staging) / "replaced")
        whole.replace(folder)
    return True


@answered()
def _download_all(
    run: "Found", parts: Sequence[str], folder: Path, progress: Callable[..., None]
) -> None:
    sizes = _wanted(run, parts)
    done, total = 0, sum(sizes.values())
    for name, size in sizes.items():
        download(run.id, name, folder)
        done += size
        progress(completed=done, total=total)
    if "model" in parts:
        for model_id in mirror.models(MlflowClient(), run.id):
            target = str(folder / "model")
            mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=target)


def _wanted(run: "Found", parts: Sequence[str]) -> dict[str, int]:
    """The run's files to download, with their sizes in bytes."""
    listed = files(run.id)
    if missing := [name for name in NEEDED if name not in listed]:
        place = failures.without_secret(run.uri)
        raise UserError(f"run {run.id} has no {missing[0]} at {place}: moved or deleted?")
    top_level_too = set(parts) == set(PARTS)
    return {
        name: size
        for name, size in listed.items()
        if name.partition("/")[0] in parts or (top_level_too and "/" not in name)
    }


def _about(run: "Found", parts: Sequence[str]) -> dict[str, Any]:
    """What the manifest says about the run, besides its files."""
    return {
        "run_id": run.id,
        "name": run.name,
        "uri": failures.without_secret(run.uri),
        "commit": run.tags.get("git.commit"),
        "parts": list(parts),
        "params": run.params,
        "metrics": run.metrics,
        "tags": run.tags,
    }


def _is_up_to_date(folder: Path, run: "Found", parts: Sequence[str]) -> bool:
    try:
        there = manifest.verified(folder)
    except UserError:
        return False
    wanted = {"run_id": run.id, "metrics": run.metrics}
    return wanted.items() <= there.items() and set(parts) <= set(there["parts"])
