"""A checkpoint restores exactly what was saved, and reading one runs no code."""

import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch

from denoise import checkpoint, data
from denoise.errors import OtherDeviceError, UserError
from denoise.model import Anello
from denoise.noise import Gaussian
from denoise.trainer import Arithmetic, Trainer
from tests.test_trainer import ON_A_CPU, SETTINGS


@pytest.fixture(scope="module")
def few(settings: data.Settings) -> data.Data:
    return data.load(replace(settings, train_size=600, test_size=100), torch.device("cpu"))


def trainer(few: data.Data, seed: int = 0, target: str = "corrupted") -> Trainer:
    torch.manual_seed(seed)
    settings = replace(SETTINGS, target=target)
    return Trainer(Anello(4), few, Gaussian(sigma=0.5, mean=0), settings, seed=seed)


@pytest.mark.parametrize("target", ["corrupted", "second"])
@pytest.mark.parametrize("arithmetic", ON_A_CPU)
def test_a_restored_run_continues_bit_for_bit_with_its_own_arithmetic(
    few: data.Data, tmp_path: Path, arithmetic: Arithmetic, target: str
) -> None:
    whole, broken = trainer(few, target=target), trainer(few, target=target)
    restored = trainer(few, seed=99, target=target)
    whole.use(arithmetic)
    broken.use(arithmetic)
    list(whole.epochs())
    history = [next(broken.epochs())]
    best = {name: value.clone() for name, value in broken.model.state_dict().items()}
    path = tmp_path / "last.safetensors"
    checkpoint.save(path, broken, history=history, best=best, config={"seed": 0})
    history_again, best_again = checkpoint.restore(path, restored)
    assert history_again == history
    assert all(torch.equal(best_again[name], best[name]) for name in best)
    assert len(list(restored.epochs(after=1))) == 1
    for mine, theirs in zip(
        restored.model.state_dict().values(), whole.model.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_a_model_that_uses_a_layer_twice_is_restored(few: data.Data, tmp_path: Path) -> None:
    def tied(seed: int) -> Trainer:
        model = Anello(4)
        model.encoder = torch.nn.Sequential(model.encoder, layer := torch.nn.Linear(4, 4), layer)
        return Trainer(model, few, Gaussian(sigma=0.5, mean=0), SETTINGS, seed=seed)

    saved, restored, path = tied(0), tied(1), tmp_path / "last.safetensors"
    history = [next(saved.epochs())]
    checkpoint.save(path, saved, history=history, best={}, config={})
    checkpoint.restore(path, restored)
    there = restored.model.state_dict()
    assert all(torch.equal(there[name], each) for name, each in saved.model.state_dict().items())


def test_a_state_that_names_no_arithmetic_continues_with_torchs(
    few: data.Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_arithmetic(*args: Any, arithmetic: str, **metadata: str) -> None:  # noqa: ARG001
        write(*args, **metadata)

    write, path, restored = checkpoint._write, tmp_path / "last.safetensors", trainer(few)
    monkeypatch.setattr(checkpoint, "_write", without_arithmetic)
    checkpoint.save(path, trainer(few), history=[], best={}, config={})
    checkpoint.restore(path, restored)
    assert restored.arithmetic == "torch"
    assert not restored.optimizer.param_groups[0]["fused"]


def test_a_state_of_another_kind_of_device_is_refused(few: data.Data, tmp_path: Path) -> None:
    saved, path = trainer(few), tmp_path / "last.safetensors"
    saved.corruption = Mock(get_state=lambda: torch.zeros(16, dtype=torch.uint8))  # as on CUDA
    checkpoint.save(path, saved, history=[], best={}, config={})
    with pytest.raises(OtherDeviceError, match=r"cannot resume with trainer.device=cpu"):
        checkpoint.restore(path, trainer(few))


def test_the_config_and_the_weights_are_restored(few: data.Data, tmp_path: Path) -> None:
    saved, config = trainer(few), {"noise": {"sigma": 0.5}, "seed": 0}
    path = tmp_path / "best.safetensors"
    checkpoint.save_weights(path, saved.model.state_dict(), epoch=3, config=config)
    assert checkpoint.load(path)[1:3] == (3, config)
    model = Anello(4)
    model.load_state_dict(checkpoint.weights(path))
    assert torch.equal(model.decoder[0].weight, saved.model.decoder[0].weight)
    assert [path.name for path in tmp_path.iterdir()] == ["best.safetensors"]


def test_held_out_images_choose_the_evaluated_checkpoint() -> None:
    assert checkpoint.evaluated(holdout=10_000) == "checkpoints/best.safetensors"
    assert checkpoint.evaluated(holdout=0) == "checkpoints/last.safetensors"


class Payload:
    def __reduce__(self) -> tuple:
        return os.system, ("touch executed",)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", pickle.dumps(Payload())])
def test_a_file_that_is_no_checkpoint_is_refused_and_runs_nothing(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "last.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="is not a checkpoint of this project"):
        checkpoint.load(path)
    assert not (tmp_path / "executed").exists()
