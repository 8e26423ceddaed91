"""A training state in one file that loads without running code.

The format is safetensors instead of torch's `.pt`, because a `.pt` file is a pickle, which can run
any code when it is read.
"""

import errno
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from denoise.errors import OtherDeviceError, UserError
from denoise.trainer import Arithmetic, Trainer

log = logging.getLogger(__name__)

History = Sequence[Mapping[str, float]]
Weights = Mapping[str, Tensor]

LAST, BEST = "checkpoints/last.safetensors", "checkpoints/best.safetensors"  # in a run's folder


def save(
    path: Path, trainer: Trainer, *, history: History, best: Weights, config: Mapping[str, Any]
) -> None:
    """Write everything that a run needs to resume, and its config, whole or not at all.

    That is: weights, optimiser, random state, arithmetic, the metrics of each finished epoch, and
    the `best` weights so far. `OSError` if the file cannot be written.
    """
    tensors = {f"model.{name}": value for name, value in trainer.model.state_dict().items()}
    for index, state in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    tensors["random.order"] = trainer.order.get_state()
    tensors["random.corruption"] = trainer.corruption.get_state()
    tensors["random.second"] = trainer.second.get_state()
    tensors |= {f"best.{name}": value for name, value in best.items()}
    texts = {"history": json.dumps(history), "arithmetic": trainer.arithmetic}
    _write(path, tensors, len(history), config, **texts)


def save_weights(path: Path, weights: Weights, *, epoch: int, config: Mapping[str, Any]) -> None:
    """Write the weights of a model after `epoch`, and its config, whole or not at all."""
    _write(path, {f"model.{name}": value for name, value in weights.items()}, epoch, config)


def copy_weights(state: Path, path: Path) -> None:
    """Copy the model's weights, epoch and config from the file `state` to `path`."""
    tensors, epoch, config, _ = load(state)
    save_weights(path, _under("model", tensors), epoch=epoch, config=config)


def load(path: Path) -> tuple[dict[str, Tensor], int, dict[str, Any], dict[str, str]]:
    """The tensors by their saved names, the epoch, the config, and the metadata of the file.

    `UserError` if the file is missing, is not a checkpoint, or was damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata.pop("sha256", None) not in (None, _sha256(tensors, metadata)):
            raise ValueError("it has changed since it was written")
        return tensors, int(metadata["epoch"]), json.loads(metadata["config"]), metadata
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"{path} is not a checkpoint of this project ({error})") from None


def newest(paths: Iterable[Path]) -> Path | None:
    """The undamaged checkpoint of the latest epoch among `paths`; None if there is none."""
    epochs: dict[Path, int] = {}
    for path in sorted(paths):
        try:
            epochs[path] = load(path)[1]
        except UserError as error:
            log.warning("%s; ignored", error)
    return max(epochs, key=lambda path: epochs[path], default=None)


def restore(path: Path, trainer: Trainer) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    """Load the state in `path` into a trainer of its config; return its history and best weights.

    `UserError` if it is the state of another config, or has weights only; `OtherDeviceError` if
    its random numbers are those of another kind of device.
    """
    tensors, *_, metadata = load(path)
    drawn, here = tensors.get("random.corruption"), trainer.corruption.get_state()
    if drawn is not None and drawn.shape != here.shape:
        raise OtherDeviceError(
            f"{path} is of a run on another kind of device: it cannot resume with "
            f"trainer.device={trainer.device.type}"
        )
    try:
        # States of 0.1.0 do not name their arithmetic.
        trainer.use(Arithmetic(metadata.get("arithmetic", Arithmetic.TORCH)))
        _put(tensors, trainer)
        return json.loads(metadata["history"]), _under("best", tensors)
    except (KeyError, RuntimeError, ValueError):
        raise UserError(f"{path} is not the state of a run of this config") from None


def _put(tensors: Weights, trainer: Trainer) -> None:
    trainer.model.load_state_dict(_under("model", tensors))
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimizer", tensors).items():
        index, key = name.split(".")
        states.setdefault(int(index), {})[key] = value
    groups = trainer.optimizer.state_dict()["param_groups"]
    trainer.optimizer.load_state_dict({"state": states, "param_groups": groups})
    trainer.order.set_state(tensors["random.order"])
    trainer.corruption.set_state(tensors["random.corruption"])
    if trainer.settings.target == "second":  # earlier versions did not save this stream
        trainer.second.set_state(tensors["random.second"])


def evaluated(holdout: int) -> str:
    """The checkpoint, in a run's folder, that the run is evaluated by.

    If images are held out, they choose the best epoch. Otherwise the last epoch is evaluated,
    because only the test set could choose another.
    """
    return BEST if holdout else LAST


def weights(path: Path) -> dict[str, Tensor]:
    """The weights of the model in a checkpoint, for `load_state_dict`."""
    return _under("model", load(path)[0])


def _write(
    path: Path, tensors: Weights, epoch: int, config: Mapping[str, Any], **metadata: str
) -> None:
    metadata = {"epoch": str(epoch), "config": json.dumps(config), **metadata}
    metadata["sha256"] = _sha256(tensors, metadata)
    partial = path.with_suffix(".partial")
    try:
        # Copies, because the format refuses tensors that share memory, as tied weights do.
        copies = {name: value.clone().contiguous() for name, value in tensors.items()}
        save_file(copies, partial, metadata)
        with partial.open("rb") as file:
            os.fsync(file.fileno())  # or a crash of the machine may leave an empty file
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise OSError(errno.EIO, f"cannot be written: {error}", str(path)) from None
    partial.replace(path)


def _sha256(tensors: Weights, metadata: Mapping[str, str]) -> str:
    """The sum of all that a checkpoint holds, because the format does not detect a flipped bit."""
    found = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
