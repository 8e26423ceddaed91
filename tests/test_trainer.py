"""Training: a seed gives the same run again, and the model learns the configured target."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from torch import nn

from denoise import data, evaluate, trainer
from denoise.data import Data
from denoise.errors import UserError
from denoise.model import Anello, Autoencoder
from denoise.noise import (
    Gaussian,
    Identity,
    Masking,
    Noise,
    Poisson,
    SaltAndPepper,
    Speckle,
    Uniform,
)
from denoise.trainer import Arithmetic, Trainer

SETTINGS = trainer.Settings(
    epochs=2,
    batch_size=256,
    learning_rate=1e-3,
    weight_decay=1e-5,
    target="corrupted",
    device="cpu",
    precision="float32",
    compile=False,
)
ON_A_CPU = (Arithmetic.TORCH, Arithmetic.FUSED)


@pytest.fixture(scope="module")
def few(settings: data.Settings) -> Data:
    small = replace(settings, train_size=2048 + 100, test_size=512)
    return data.load(small, torch.device("cpu"))


def fit(
    few: Data, noise: Noise, seed: int = 0, settings: trainer.Settings = SETTINGS
) -> tuple[Trainer, list[dict[str, float]]]:
    torch.manual_seed(7)
    fitted = Trainer(Anello(latent_dim=4), few, noise, settings, seed=seed)
    return fitted, list(fitted.epochs())


def parameters(fitted: Trainer) -> Iterator[torch.Tensor]:
    return iter(fitted.model.state_dict().values())


def same(first: Trainer, second: Trainer) -> bool:
    return all(map(torch.equal, parameters(first), parameters(second)))


def test_a_seed_gives_the_same_run_bit_for_bit(few: Data) -> None:
    noise = Gaussian(sigma=0.5, mean=0)
    (first, figures), (again, figures_again) = fit(few, noise), fit(few, noise)
    assert same(first, again)
    assert [f["train/loss"] for f in figures] == [f["train/loss"] for f in figures_again]
    assert not same(first, fit(few, noise, seed=1)[0])


def test_a_model_with_dropout_gives_the_same_run_whole_or_resumed(few: Data) -> None:
    class Dropping(Anello):
        def encode(self, images: torch.Tensor) -> torch.Tensor:
            return nn.functional.dropout(super().encode(images), training=self.training)

    def begun() -> Trainer:
        torch.manual_seed(7)
        return Trainer(Dropping(latent_dim=4), few, Identity(), SETTINGS, seed=0)

    whole, other = begun(), begun()
    losses = [each["train/loss"] for each in whole.epochs()]
    assert next(other.epochs())["train/loss"] == losses[0]
    torch.rand(1)  # whatever the process does between
    assert next(other.epochs(after=1))["train/loss"] == losses[1]
    assert same(whole, other)


def test_training_with_sigma_zero_equals_training_without_noise(few: Data) -> None:
    assert same(fit(few, Gaussian(sigma=0, mean=0))[0], fit(few, Identity())[0])


def test_evaluating_between_epochs_does_not_change_the_run(few: Data) -> None:
    noise = Gaussian(sigma=0.5, mean=0)
    torch.manual_seed(7)
    measured = Trainer(Anello(latent_dim=4), few, noise, SETTINGS, seed=0)
    for _ in measured.epochs():
        batches = evaluate.corrupted(few.test, few, noise, "corrupted")
        evaluate.losses(measured.model, batches, few)
    assert same(measured, fit(few, noise)[0])


def test_training_lowers_the_loss_and_reports_its_speed(few: Data) -> None:
    _, figures = fit(few, Identity(), settings=replace(SETTINGS, epochs=3))
    assert len(figures) == 3
    assert figures[-1]["train/loss"] < figures[0]["train/loss"]
    assert all(epoch["time/images_per_second"] > 0 for epoch in figures)


def test_every_image_is_visited_once_an_epoch(few: Data) -> None:
    class Seen:
        def __init__(self) -> None:
            self.batches: list[torch.Tensor] = []

        def __call__(self, images: torch.Tensor, **_: torch.Generator) -> torch.Tensor:
            self.batches.append(images)
            return images

    seen = Seen()
    fit(few, seen, settings=replace(SETTINGS, epochs=1))
    visited = torch.cat(seen.batches).sum((1, 2, 3)).sort().values
    expected = few.scale(few.train.images).sum((1, 2, 3)).sort().values
    torch.testing.assert_close(visited, expected)
    assert {len(batch) for batch in seen.batches} == {256, 100}


def test_the_loss_of_a_corrupted_target_includes_the_variance_of_the_noise(few: Data) -> None:
    noise = Gaussian(sigma=1.0, mean=0)
    corrupted = fit(few, noise)[1][-1]["train/loss"]
    clean = fit(few, noise, settings=replace(SETTINGS, target="clean"))[1][-1]["train/loss"]
    assert corrupted - clean == pytest.approx(1.0, abs=0.1)


@dataclass
class Recorded:
    """Gaussian noise that keeps what it draws, by the first seed of the random stream."""

    noise: Noise = field(default_factory=lambda: Gaussian(sigma=0.5, mean=0))
    drawn: dict[int, list[torch.Tensor]] = field(default_factory=dict)

    def __call__(self, images: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
        noisy = self.noise(images, generator=generator)
        self.drawn.setdefault(generator.initial_seed(), []).append(noisy)
        return noisy


def test_a_second_corruption_has_a_random_stream_of_its_own(few: Data) -> None:
    """Order and first corruption are those of the other targets, so these keep their bits."""
    once = replace(SETTINGS, epochs=1)
    of_clean, of_second = Recorded(), Recorded()
    fit(few, of_clean, settings=replace(once, target="clean"))
    fit(few, of_second, settings=replace(once, target="second"))
    _, corruption, second = np.random.SeedSequence(0).generate_state(3).tolist()
    assert list(of_clean.drawn) == [corruption]
    assert set(of_second.drawn) == {corruption, second}
    first = of_second.drawn[corruption]
    assert all(map(torch.equal, first, of_clean.drawn[corruption]))
    assert not any(map(torch.equal, first, of_second.drawn[second]))


class Scaled(Autoencoder):
    """Its input times a number for each pixel, at first 1/2."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.full((1, 28, 28), 0.5))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images * self.gain


def mean_gradient(few: Data, noise: Noise, target: str) -> torch.Tensor:
    """The mean over forty epochs of one batch each, of a model that stays as it is."""
    model, gradients = Scaled(), []
    model.gain.register_hook(gradients.append)
    one_batch = replace(SETTINGS, epochs=40, batch_size=512, learning_rate=0.0, target=target)
    list(Trainer(model, few, noise, one_batch, seed=0).epochs())
    return torch.stack(gradients).mean(0)


WITHOUT_MEAN = (
    Gaussian(sigma=0.5, mean=0),
    Uniform(width=0.5),
    Speckle(sigma=0.5, low=-1),
    Poisson(peak=10, low=-1, high=1),
)
WITH_MEAN = (Masking(0.5, value=-1), SaltAndPepper(0.5, salt_vs_pepper=0.5, low=-1, high=1))


@pytest.mark.parametrize("noise", [*WITHOUT_MEAN, *WITH_MEAN], ids=lambda one: type(one).__name__)
def test_a_second_corruption_teaches_what_the_clean_image_does_if_the_noise_has_no_mean(
    few: Data, noise: Noise
) -> None:
    """The expected gradients are equal (Lehtinen et al. 2018, section 2)."""
    some = replace(few, train=data.Split(*(column[:512] for column in few.train)))
    clean, second, corrupted = (
        mean_gradient(some, noise, target) for target in ("clean", "second", "corrupted")
    )
    from_second, from_corrupted = (
        float((other - clean).norm() / clean.norm()) for other in (second, corrupted)
    )
    assert (from_second < 0.03) == (noise in WITHOUT_MEAN)
    assert from_corrupted > 0.1


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_epoch(few: Data) -> None:
    with pytest.raises(FloatingPointError, match=r"in epoch 1, with trainer.learning_rate=0.001"):
        fit(few, Gaussian(sigma=1e30, mean=0))


def test_each_arithmetic_trains_the_same_network_up_to_rounding(few: Data) -> None:
    def loss(arithmetic: Arithmetic) -> float:
        torch.manual_seed(7)
        fitted = Trainer(Anello(latent_dim=4), few, Identity(), SETTINGS, seed=0)
        fitted.use(arithmetic)
        assert bool(fitted.optimizer.param_groups[0]["fused"]) == (arithmetic is Arithmetic.FUSED)
        return next(fitted.epochs())["train/loss"]

    plain, fused = map(loss, ON_A_CPU)
    assert fused == pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize("changes", [{"precision": "bfloat16"}, {"compile": True}])
def test_precision_and_compilation_train_the_same_model(few: Data, changes: dict) -> None:
    plain = fit(few, Identity())[1][-1]["train/loss"]
    with torch.compiler.set_stance("force_eager"):  # compiling for real takes a minute
        changed = fit(few, Identity(), settings=replace(SETTINGS, **changes))[1][-1]["train/loss"]
    assert changed == pytest.approx(plain, rel=0.03)
    assert (changed != plain) == ("precision" in changes)


def test_a_cpu_trains_where_there_is_also_an_apple_gpu(
    few: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert len(fit(few, Identity(), settings=replace(SETTINGS, epochs=1))[1]) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_missing_device_is_refused() -> None:
    with pytest.raises(UserError, match=r"trainer.device=cuda is not on this machine.* cpu"):
        replace(SETTINGS, device="cuda").torch_device()


def test_the_loss_of_an_epoch_is_the_mean_over_images_if_the_last_batch_is_smaller(
    few: Data,
) -> None:
    still = replace(SETTINGS, epochs=1, learning_rate=0.0, target="clean", batch_size=2000)
    fitted = Trainer(Scaled(), few, Identity(), still, seed=0)
    (values,) = fitted.epochs()
    scaled = few.scale(few.train.images)
    assert values["train/loss"] == pytest.approx((scaled / 2).square().mean().item(), rel=1e-5)
