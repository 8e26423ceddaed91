"""Data sets, models and pictures of a run in the formats in which MLflow shows or loads them."""

import tempfile
import uuid
from pathlib import Path

import mlflow
import torch
from PIL import Image
from torch import Tensor, nn

from denoise.model import Autoencoder
from denoise.tracking.records import Record

IMAGES = uuid.UUID("0b7c5b5e-6f0b-4d0e-9d1a-5a0b8a0f7c11")


def add_image(record: Record, key: str, picture: Image.Image, step: int) -> None:
    """Add a picture to the image grids of MLflow's chart view.

    The files have the names that `MlflowClient.log_image` gives, except that a second call with
    the same key and step writes the same files.
    """
    name = f"images/{key}+step+{step}+timestamp+{step}+{uuid.uuid5(IMAGES, f'{key} {step}')}"
    picture.save(record.path(f"{name}.png"))
    picture.save(record.path(f"{name}+compressed.webp"), method=0)  # the fastest of WebP's methods
    record.add(f"{name}.png", f"{name}+compressed.webp")


def add_dataset(
    record: Record, name: str, source: str, images: Tensor, labels: Tensor, context: str
) -> None:
    """Note a data set that the run reads; `context` is training, validation or testing."""
    described = mlflow.data.from_numpy(  # type: ignore[attr-defined]
        images.cpu().numpy(), source=source, targets=labels.cpu().numpy(), name=name
    )
    entity = dict(described._to_mlflow_entity())
    tag = ["mlflow.data.context", context]
    record.update(datasets=[*record.fields.get("datasets", []), {"dataset": entity, "tag": tag}])


def add_model(record: Record, model: nn.Module, example: Tensor) -> None:
    """Add the model in MLflow's pickle-free format, with its signature, from a batch of two.

    Raises an error if the model cannot be exported for batches of any size.
    """
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model"
        mlflow.pytorch.save_model(
            model,
            saved,
            serialization_format="pt2",
            input_example=example.numpy(),
            # the version that the model was made with
            pip_requirements=[f"torch=={torch.__version__.split('+')[0]}"],
        )
        if type(model).__module__ != Autoencoder.__module__:  # the package's models are tested
            mlflow.pytorch.load_model(str(saved))(example[:1])
        files = [path for path in sorted(saved.rglob("*")) if path.is_file()]
        names = [f"model/{path.relative_to(saved).as_posix()}" for path in files]
        for path, name in zip(files, names, strict=True):
            record.path(name).write_bytes(path.read_bytes())
    record.add(*names)
