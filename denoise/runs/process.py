"""What is set once in every process that runs jobs: the command's own, and each worker."""

import atexit
import contextlib
import gc
import io
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn

from denoise.runs import signals
from denoise.tracking import environment

# Heavy modules make a million objects that stay. Looking for garbage among them as often as Python
# does by default takes an eighth of a small run's time; at 20,000, it still takes a tenth.
GARBAGE_THRESHOLD = 500_000

# How often a waiting thread of torch, or of GNU's OpenMP, looks for work before it sleeps. Measured
# on two cores (benchmarks/busy.py): a step takes 15 ms with the default of 300,000 and 15 to 20
# with 3,000; beside a busy process per core, 96 and 56.
SPINS = "3000"


def prepare() -> None:
    tolerate_broken_output()
    environment.prepare()
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    gc.set_threshold(GARBAGE_THRESHOLD)
    logging.raiseExceptions = False  # a log on a full disk is no reason for a traceback per line
    if multiprocessing.parent_process() or "SUBMITIT_EXECUTOR" in os.environ:
        signals.handle()  # a worker: the command has its own handlers
    if multiprocessing.parent_process():
        _end_soon()


@cache  # once, though a worker prepares for each job: what is registered first is called last
def _end_soon() -> None:
    """End this worker as `run` ends the command."""
    atexit.register(os._exit, 0)


def run(main: Callable[[], int]) -> NoReturn:
    """End the process with the exit status that `main` returns, two seconds sooner than `sys.exit`.

    That is how long Python takes to free a million objects of torch, one by one.
    """
    status: list[int] = []
    # What is registered first is called last: when workers have ended and their files are deleted.
    atexit.register(lambda: os._exit(status[0]) if status else None)
    try:
        status.append(main())
    except SystemExit as stop:  # nothing else gets through Hydra's callbacks
        if not isinstance(stop.code, int):
            raise
        status.append(stop.code)
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status[0])


class LenientStream:
    """A text stream that drops what it cannot show, as after `| head -1`, instead of failing."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # ? for letters that its encoding lacks

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):  # ValueError: it was closed
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.stream.flush()

    def isatty(self) -> bool:
        return not self.stream.closed and self.stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def tolerate_broken_output() -> None:
    """Let standard output and error drop what they cannot show; the record has it all."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # the command was started with it closed
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
        if not isinstance(stream, LenientStream):
            setattr(sys, name, LenientStream(stream))
