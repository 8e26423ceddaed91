"""On a CUDA GPU, runs are trained as on a CPU, and repeat bit for bit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from denoise import checkpoint, data, latent
from denoise.data import Data
from denoise.denoiser import Denoiser
from denoise.evaluate import Settings
from denoise.model import Anello, Autoencoder, Conv, Mlp, Shallow, Unet
from denoise.noise import Gaussian
from denoise.trainer import Arithmetic, Trainer
from tests.conftest import SMALL, Said
from tests.test_trainer import SETTINGS, same

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")

MODELS: dict[str, Callable[[], Autoencoder]] = {
    "anello": lambda: Anello(4),
    "shallow": lambda: Shallow(64),
    "mlp": lambda: Mlp(20, width=64, depth=2),
    "conv": lambda: Conv(4, width=8, depth=1),
    "unet": lambda: Unet(4, width=8, depth=1),
}


@pytest.fixture(scope="module")
def few(settings: data.Settings) -> Data:
    """Seven whole batches, of which some come before the graph is recorded, and a smaller one."""
    small = replace(settings, train_size=7 * SETTINGS.batch_size + 100, test_size=512)
    return data.load(small, torch.device("cuda"))


def trainer(
    few: Data, name: str = "anello", seed: int = 0, *, is_foreign: bool = False, **changes: str
) -> Trainer:
    """A trainer, which uses no graph if the model `is_foreign`: of a class of another module."""
    torch.manual_seed(seed)
    made = MODELS[name]()
    if is_foreign:
        made.__class__ = type("Foreign", (type(made),), {})
    settings = replace(SETTINGS, device="cuda", **changes)
    noise = Gaussian(sigma=0.5, mean=0)
    return Trainer(made.to("cuda"), few, noise, settings, seed=seed)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", MODELS)
def test_a_graph_trains_the_same_network_bit_for_bit(few: Data, name: str, precision: str) -> None:
    graphed = trainer(few, name, precision=precision)
    launched = trainer(few, name, precision=precision, is_foreign=True)
    assert graphed.graphed
    assert not launched.graphed
    losses = [next(each.epochs())["train/loss"] for each in (graphed, launched)]
    assert losses[0] == losses[1]
    assert same(graphed, launched)


def test_a_graph_learns(few: Data) -> None:
    losses = [epoch["train/loss"] for epoch in trainer(few, epochs=5).epochs()]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("arithmetic", [Arithmetic.TORCH, Arithmetic.CUDA])
def test_a_resumed_run_continues_bit_for_bit(
    few: Data, tmp_path: Path, arithmetic: Arithmetic
) -> None:
    whole, broken, resumed = trainer(few), trainer(few), trainer(few, seed=99)
    whole.use(arithmetic)
    broken.use(arithmetic)
    list(whole.epochs())
    history = [next(broken.epochs())]
    path = tmp_path / "state.safetensors"
    checkpoint.save(path, broken, history=history, best={}, config={})
    checkpoint.restore(path, resumed)
    list(resumed.epochs(after=1))
    assert same(resumed, whole)


def test_the_map_is_repeatable_and_keeps_neighbours_as_on_a_cpu(
    few: Data, evaluation: Settings
) -> None:
    codes = latent.codes(trainer(few).model, few.test.images, few)
    cpu, gpu, again = (
        latent.tsne(codes, evaluation, torch.device(device)) for device in ("cpu", "cuda", "cuda")
    )
    assert (gpu == again).all()
    before, after = (latent.map_trustworthiness(codes, each, evaluation) for each in (cpu, gpu))
    assert after == pytest.approx(before, abs=0.01)


def test_the_command_trains_on_the_gpu_by_default(
    cli: Callable[..., Said], settings: data.Settings
) -> None:
    said = cli(*SMALL, "evaluation.map_seed=null", f"data.root={settings.root}")
    assert said.status == 0, said.err
    (run,) = said.runs()
    assert run.data.tags["arithmetic"] == "cuda"
    assert run.data.metrics["latent/trustworthiness"] > 0.5


def test_results_are_on_the_device_of_the_input(few: Data) -> None:
    denoiser = Denoiser(Anello(4).to("cuda"), few.space, {})
    pictures = torch.rand(28, 28, device="cuda")
    assert denoiser.denoise(pictures).is_cuda
    assert isinstance(denoiser.denoise(pictures.cpu().numpy()), np.ndarray)
