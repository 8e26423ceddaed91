"""A training state in one file that loads without running code.

The format is safetensors, not torch's `.pt`: a `.pt` file is a pickle, which runs what it names
when it is read.
"""

import errno
import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from denoise.errors import UserError
from denoise.trainer import Trainer

log = logging.getLogger(__name__)

History = Sequence[Mapping[str, float]]
Weights = Mapping[str, Tensor]


def save(
    path: Path, trainer: Trainer, *, history: History, best: Weights, config: Mapping[str, Any]
) -> None:
    """Write all that a run needs to go on, and its config, whole or not at all.

    That is: weights, optimiser, random state, the figures of each finished epoch, and the `best`
    weights so far.
    """
    tensors = {f"model.{name}": value for name, value in trainer.model.state_dict().items()}
    for index, state in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    tensors["random.order"] = trainer.order.get_state()
    tensors["random.corruption"] = trainer.corruption.get_state()
    tensors |= {f"best.{name}": value for name, value in best.items()}
    _write(path, tensors, len(history), config, history=json.dumps(history))


def save_weights(path: Path, weights: Weights, *, epoch: int, config: Mapping[str, Any]) -> None:
    """Write the weights of a model after `epoch`, and its config, whole or not at all."""
    _write(path, {f"model.{name}": value for name, value in weights.items()}, epoch, config)


def load(path: Path) -> tuple[dict[str, Tensor], int, dict[str, Any]]:
    """The tensors by their saved names, the epoch and the config; `UserError` if it is none."""
    try:
        with safe_open(path, framework="pt") as file:
            said = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if said.pop("sha256", None) not in (None, _sha256(tensors, said)):
            raise ValueError("it has changed since it was written")
        return tensors, int(said["epoch"]), json.loads(said["config"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"{path} is not a checkpoint of this project ({error})") from None


def newest(folder: Path) -> Path | None:
    """The checkpoint of the latest epoch in `folder`, of those that are whole; None without one."""
    epochs: dict[Path, int] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            epochs[path] = load(path)[1]
        except UserError as error:
            log.warning("%s; left aside", error)
    return max(epochs, key=lambda path: epochs[path], default=None)


def restore(path: Path, trainer: Trainer) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    """Put the state of `path` into a trainer of the same config; its history and best weights.

    `UserError` if it is of another config, or weights alone.
    """
    tensors, *_ = load(path)
    try:
        _put(tensors, trainer)
        with safe_open(path, framework="pt") as file:
            return json.loads(file.metadata()["history"]), _under("best", tensors)
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


def weights(path: Path) -> dict[str, Tensor]:
    """The model's weights alone, for `load_state_dict`."""
    return _under("model", load(path)[0])


def _write(
    path: Path, tensors: Weights, epoch: int, config: Mapping[str, Any], **metadata: str
) -> None:
    said = {"epoch": str(epoch), "config": json.dumps(config), **metadata}
    said["sha256"] = _sha256(tensors, said)
    partial = path.with_suffix(".partial")
    try:
        save_file({name: value.contiguous() for name, value in tensors.items()}, partial, said)
        with partial.open("rb") as file:
            os.fsync(file.fileno())  # else a crash of the machine may leave a name without content
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise OSError(errno.EIO, f"cannot be written: {error}", str(path)) from None
    partial.replace(path)


def _sha256(tensors: Weights, said: Mapping[str, str]) -> str:
    """Of all that a checkpoint holds: the format itself does not notice a flipped bit."""
    found = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
