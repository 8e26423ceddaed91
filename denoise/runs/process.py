"""What is set once in every process that runs jobs: the command's own, and each worker."""

import gc
import logging
import multiprocessing
import os

from denoise.runs import signals
from denoise.tracking import environment

# Heavy modules make a million objects that stay. Looking for garbage among them as often as Python
# does by default takes an eighth of a small run's time.
GARBAGE_THRESHOLD = 20_000


# How often a waiting thread of torch, or of GNU's OpenMP, looks for work before it sleeps. By
# default, 300,000 times: on cores that other programs use, too, training takes ten times as long.
SPINS = "1000"


def prepare() -> None:
    environment.prepare()
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    gc.set_threshold(GARBAGE_THRESHOLD)
    logging.raiseExceptions = False  # a log on a full disk is no reason for a traceback per line
    if multiprocessing.parent_process():
        signals.handle()  # a worker: the command has its own handlers
