"""A training step as a CUDA graph: recorded once, then launched as a whole."""

from collections.abc import Callable

import torch
from torch import Tensor

Step = Callable[[Tensor, Tensor], Tensor]  # trains on noisy and wanted images; the loss

WARM_UP = 3  # steps before recording, in which libraries allocate what a graph cannot


class Replayed:
    """The same results as `step`, without the time to launch a hundred small kernels one by one.

    `step` must launch the same kernels on every call and must not wait for their results. Batches
    of another size than the recorded one are computed without the graph. Call it on one stream, and
    not on the default one.
    """

    def __init__(self, step: Step, batch_size: int) -> None:
        self.step, self.batch_size = step, batch_size
        self.calls = 0

    def __call__(self, noisy: Tensor, wanted: Tensor) -> Tensor:
        if len(noisy) != self.batch_size:
            return self.step(noisy, wanted)
        self.calls += 1
        if self.calls <= WARM_UP:
            return self.step(noisy, wanted)
        if self.calls == WARM_UP + 1:
            self._record(noisy, wanted)
        self.noisy.copy_(noisy)
        self.wanted.copy_(wanted)
        self.graph.replay()
        return self.loss.clone()

    def _record(self, noisy: Tensor, wanted: Tensor) -> None:
        """Record the step, which computes nothing yet, on tensors that stay in their place."""
        self.noisy, self.wanted = noisy.clone(), wanted.clone()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=torch.cuda.current_stream()):
            self.loss = self.step(self.noisy, self.wanted)
