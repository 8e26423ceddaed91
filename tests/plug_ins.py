"""Classes such as users bring along, which do what they should not."""

import math
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.experimental.callback import Callback
from torch import Generator, Tensor, nn

from denoise.model import Autoencoder


class MuteError(Exception):
    """An error that cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError


class UnknownError(BaseException):
    """An error that is no `Exception`."""


ERRORS: dict[str, BaseException] = {
    "exit": SystemExit(0),
    "exit_with_text": SystemExit("the user's own words"),
    "generator_exit": GeneratorExit(),
    "unknown": UnknownError("what is this?"),
    "mute": MuteError(),
    "silent": ValueError(),
    "endless": ValueError("x" * 100_000),
    "odd_letters": ValueError("odd \udcff \x00 \x1b[31m [/red] | letters"),
}


@dataclass(frozen=True)
class Raising:
    """A noise that fails in training, in the way `how`."""

    how: str

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:  # noqa: ARG002
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "close":
            sys.stdout.close()
            print("to nobody")
        if self.how in ERRORS and not torch.is_inference_mode_enabled():
            raise ERRORS[self.how]
        return images


@dataclass
class Breaking:
    """A noise that gives NaN in training from its second batch on."""

    batches: int = 0

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:  # noqa: ARG002
        self.batches += not torch.is_inference_mode_enabled()
        return images * float("nan") if self.batches > 1 else images


class Exiting(Callback):
    """A callback that ends the process after the first job."""

    def on_job_end(self, **_: Any) -> None:
        raise SystemExit(7)


class Copying(Autoencoder):
    """Returns its input exactly; its latents are all equal. In evaluation it fails if `breaks`."""

    def __init__(self, breaks: str = "") -> None:
        super().__init__()
        self.breaks, self.weight = breaks, nn.Parameter(torch.ones(1))

    def encode(self, images: Tensor) -> Tensor:
        return images[:, 0, :2, 0] * 0

    def forward(self, images: Tensor) -> Tensor:
        if self.breaks == "training":
            raise ArithmeticError("a mistake in the model")
        output = images + 0 * self.weight
        return (
            output * float("nan") if self.breaks == "evaluation" and not self.training else output
        )


class Shaped(Autoencoder):
    """Makes codes and images of these shapes."""

    def __init__(self, code: tuple[int, ...], image: tuple[int, ...]) -> None:
        super().__init__()
        size, pixels = math.prod(code), math.prod(image)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, size), nn.Unflatten(1, code))
        self.decoder = nn.Sequential(nn.Flatten(), nn.Linear(size, pixels), nn.Unflatten(1, image))


class Wrong(Autoencoder):
    """Mistakes that authors of models make."""

    def __init__(self, how: str) -> None:
        if how != "forgets":
            super().__init__()
        assert how != "asserts", "two heads"
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 2))

    def decode(self, codes: Tensor) -> Any:
        return codes, codes


class Untraceable(Autoencoder):
    """What torch cannot export: an `if` about values, or a batch of another size than the first."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 2))
        self.decoder = nn.Linear(2, 28 * 28)

    def decode(self, codes: Tensor) -> Tensor:
        if self.why == "values" and codes.max() > 1000:
            codes = codes / codes.max()
        return self.decoder(codes).view(len(codes), 1, 28, 28)


@dataclass(frozen=True)
class Waiting:
    """A noise that waits for the file `go` in training."""

    go: str

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:  # noqa: ARG002
        while not (torch.is_inference_mode_enabled() or Path(self.go).exists()):
            time.sleep(0.1)
        return images
