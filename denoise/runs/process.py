"""What is set once in every process that runs jobs: the command's own, and each worker."""

import gc
import logging
import multiprocessing

from denoise.runs import signals
from denoise.tracking import environment

# Heavy modules make a million objects that stay. Looking for garbage among them as often as Python
# does by default takes an eighth of a small run's time.
GARBAGE_THRESHOLD = 20_000


def prepare() -> None:
    environment.prepare()
    gc.set_threshold(GARBAGE_THRESHOLD)
    logging.raiseExceptions = False  # a log on a full disk is no reason for a traceback per line
    if multiprocessing.parent_process():
        signals.handle()  # a worker: the command has its own handlers
