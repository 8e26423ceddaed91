"""A training step as a CUDA graph: recorded once, then launched as a whole."""

import contextlib
import gc
from collections.abc import Callable, Iterator
from functools import cache

import torch
from torch import Tensor

Step = Callable[[Tensor, Tensor], Tensor]  # trains on noisy and wanted images; returns the loss

WARM_UP = 3  # steps before recording, in which libraries allocate what a graph cannot


@contextlib.contextmanager
def side_stream(device: torch.device) -> Iterator[None]:
    """On a CUDA device, compute on a stream other than the default one, as a graph needs."""
    if device.type != "cuda":
        yield
        return
    stream = _stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        yield


@cache  # torch keeps memory for every stream that it has seen
def _stream() -> torch.cuda.Stream:
    return torch.cuda.Stream()


class GraphedStep:
    """The same results as a step, without the time to launch a hundred small kernels one by one.

    The step must launch the same kernels on every call and must not wait for their results. Batches
    of another size than `batch_size` are computed without the graph. Call it within `side_stream`.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self.calls = 0

    def __call__(self, step: Step, noisy: Tensor, wanted: Tensor) -> Tensor:
        if len(noisy) != self.batch_size:
            return step(noisy, wanted)
        self.calls += 1
        if self.calls <= WARM_UP:
            return step(noisy, wanted)
        if self.calls == WARM_UP + 1:
            self._record(step, noisy, wanted)
        self.noisy.copy_(noisy)
        self.wanted.copy_(wanted)
        self.graph.replay()
        return self.loss.clone()

    def _record(self, step: Step, noisy: Tensor, wanted: Tensor) -> None:
        """Record the step, which computes nothing yet, on tensors that stay in their place."""
        self.noisy, self.wanted = noisy.clone(), wanted.clone()
        self.graph = torch.cuda.CUDAGraph()
        gc.disable()  # freeing another run's graph would end the recording
        try:
            with torch.cuda.graph(self.graph, stream=torch.cuda.current_stream()):
                self.loss = step(self.noisy, self.wanted)
        finally:
            gc.enable()
