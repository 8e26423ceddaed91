"""The threads behind an open run: one sends its outbox, one lets others see that it lives."""

import contextlib
import logging
import multiprocessing
import os
import threading

from denoise.tracking import delivery, store
from denoise.tracking.outbox import Outbox

log = logging.getLogger(__name__)

BEAT_SECONDS = 5
AGAIN_SECONDS = 2


class Sender:
    """Sends an open run's outbox, in a thread of its own; in another, the run's heart beats.

    It beats while much is sent as well: a minute of silence means that the run is dead.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.error: Exception | None = None
        self.away = ""  # why, while the store does not answer
        self.wake, self.stop = threading.Event(), threading.Event()
        self.threads = [
            threading.Thread(target=target, daemon=True) for target in (self._work, self._live)
        ]
        for thread in self.threads:
            thread.start()

    def check(self) -> None:
        """Raise what keeps the run from ever being sent."""
        if self.error:
            raise self.error

    def _work(self) -> None:
        launcher = multiprocessing.parent_process()
        while not (self.stop.is_set() or self.error):
            self.wake.wait(BEAT_SECONDS)
            self.wake.clear()
            if launcher and launcher.pid != os.getppid():
                os._exit(1)  # as its launcher did, without a word; the same command goes on
            self._try()
            if self.away:
                self.stop.wait(AGAIN_SECONDS)

    def _try(self) -> None:
        """Send what is unsent, as far as it goes."""
        try:
            delivery.send(self.outbox)
        except Exception as error:
            if not store.is_away(error):
                self.error = error
            elif not self.away:
                self.away = store.reason(error)
                log.warning(
                    "the store does not answer (%s): what it would be told is kept in %s",
                    *(self.away, self.outbox.folder),
                )
        else:
            if self.away:
                log.info("the store answers again, and has been told everything")
            self.away = ""

    def _live(self) -> None:
        while not (self.stop.wait(BEAT_SECONDS) or self.error):
            with contextlib.suppress(Exception):  # a store that is away may come back
                delivery.beat(self.outbox.run_id)

    def close(self) -> None:
        """Send the last; `outbox` is let go of."""
        self.stop.set()
        self.wake.set()
        for thread in self.threads:
            thread.join()
        if not self.error:
            self._try()
        if isinstance(self.error, delivery.GONE):
            self.outbox.drop()
        self.outbox.close()
