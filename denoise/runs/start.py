"""What Hydra calls before it launches. Imports nothing heavy, to show the first line at once."""

import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

log = logging.getLogger(__name__)


class Start(Callback):
    """Hydra calls this in the launching process, before the first job."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        _begin(config, config.hydra.run.dir, is_sweep=False)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        _begin(config, config.hydra.sweep.dir, is_sweep=True)


def _begin(config: DictConfig, folder: str, *, is_sweep: bool) -> None:
    log.info("Getting ready: settings, store, data ...")
    from denoise.runs import sweep  # takes seconds

    sweep.begin(config, Path(folder), is_sweep=is_sweep)
