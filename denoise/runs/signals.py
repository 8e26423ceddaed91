"""Ctrl-C, and the signals of batch systems and containers, end a process in good order."""

import signal
from collections.abc import Callable
from functools import partial
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived. Handled as Ctrl-C, also by joblib, which then ends its workers."""


class Requeued(Terminated):
    """The scheduler ends the job soon, and `requeue` puts it back into the queue."""

    def __init__(self, requeue: Callable[[], None]) -> None:
        super().__init__()
        self.requeue = requeue


def handle() -> None:
    """From now on SIGTERM raises `Terminated` and Ctrl-C `KeyboardInterrupt`.

    That leaves time to note how runs ended; a second Ctrl-C ends the process at once. In a job of
    submitit, SIGUSR2 raises `Requeued`: its own handler would queue the job again while the run's
    last state is not saved yet.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    theirs = signal.getsignal(signal.SIGUSR2)
    if callable(theirs):
        signal.signal(signal.SIGUSR2, partial(_requeue, partial(theirs, signal.SIGUSR2, None)))


def _requeue(requeue: Callable[[], None], _: int, __: FrameType | None) -> None:
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Slurm sends it next, and SIGKILL at the end
    raise Requeued(requeue)


def _stop(number: int, _: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # `timeout` sends it twice in a row
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
