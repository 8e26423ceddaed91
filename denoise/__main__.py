"""The command: `python -m denoise`."""

import os
import signal
import sys
from concurrent.futures import BrokenExecutor
from typing import NoReturn

import hydra
from omegaconf import DictConfig

from denoise.config import CONF, saved
from denoise.config.sentence import is_mistake, sentence
from denoise.runs import launch, process, signals


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def app(cfg: DictConfig) -> float:
    process.prepare()
    from denoise.runs import run  # heavy: help and shell completion answer without it

    try:
        return run.job(cfg)
    except signals.Requeued as stop:
        stop.requeue()
        raise


def main() -> int:
    """Run the command; return its exit status. A mistake is one sentence, without a traceback."""
    process.tolerate_broken_output()
    asked_for_traceback = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises errors instead of printing them
    signals.handle()
    try:
        sys.argv[1:] = saved.composable(sys.argv[1:])
        return _run()
    except SystemExit as refused:
        if asked_for_traceback and refused.__cause__:
            raise refused.__cause__ from None
        raise
    except Exception as error:
        if asked_for_traceback or not is_mistake(error):
            raise
        print(f"denoise: {sentence(error, sys.argv[1:])}", file=sys.stderr)
        return 1


def _run() -> int:
    """Run the jobs, until their end or until a signal; return the exit status."""
    try:
        process.prepare()
        app()
        return _finish()
    except KeyboardInterrupt as stop:
        _finish(is_stopped=True)
        print("Stopped; the same command resumes.", file=sys.stderr)
        return 128 + (signal.SIGTERM if isinstance(stop, signals.Terminated) else signal.SIGINT)
    except BrokenExecutor:
        _finish(has_failed=True)
        print("denoise: a worker was killed; the same command resumes", file=sys.stderr)
        return 1
    except BaseException:  # a full disk, or whatever a plug-in of the user's raises
        _finish(has_failed=True)
        raise


def _finish(*, is_stopped: bool = False, has_failed: bool = False) -> int:
    """Finish the launch, if there is one; return the exit status. `--help` launches nothing."""
    launched, launch.current = launch.current, None
    if not launched:
        return 0
    from denoise.runs import sweep

    return sweep.finish(launched, is_stopped=is_stopped, has_failed=has_failed)


def cli() -> NoReturn:
    """The command `denoise`."""
    process.run(main)


if __name__ == "__main__":
    cli()
