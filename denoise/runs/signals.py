"""Ctrl-C, and SIGTERM as batch systems and containers send it, end a process in good order."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived. Handled as Ctrl-C, also by joblib, which then ends its workers."""


def handle() -> None:
    """From now on SIGTERM raises `Terminated` and Ctrl-C `KeyboardInterrupt`.

    That leaves time to note how runs ended; a second Ctrl-C ends the process at once.
    """
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """`handle` within the block."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        handle()
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # `timeout` sends it twice in a row
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
