"""The command: `python -m denoise`."""

import os
import signal
import sys
from concurrent.futures import BrokenExecutor

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from denoise.config import CONF
from denoise.config.sentence import sentence
from denoise.runs import signals

# Help and shell completion answer at once because nothing heavy is imported before a job starts.


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def app(cfg: DictConfig) -> float:
    from denoise.runs import sweep

    return sweep.job(cfg)


def main() -> int:
    """Run the command; its exit status. Mistakes are told in one sentence, without a traceback."""
    asked_for_traceback = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises, and the sentence is ours
    try:
        with signals.heeded():
            return _app()
    except (HydraException, OmegaConfBaseException, OSError, ValueError) as error:
        if asked_for_traceback:
            raise
        print(f"denoise: {sentence(error, sys.argv[1:])}", file=sys.stderr)
        return 1
    finally:
        if not asked_for_traceback:
            del os.environ["HYDRA_FULL_ERROR"]


def _app() -> int:
    """Run what was asked for, until its end or until told to stop; the exit status."""
    try:
        app()
        return _finish()
    except KeyboardInterrupt as told:
        _finish()
        print("Stopped; the same command goes on.", file=sys.stderr)
        return 128 + (signal.SIGTERM if isinstance(told, signals.Terminated) else signal.SIGINT)
    except BrokenExecutor:
        _finish()
        print("denoise: a worker was killed; the same command goes on", file=sys.stderr)
        return 1
    except OSError:  # a disk so full that a job could not even note that it failed
        _finish()
        raise


def _finish() -> int:
    """Close what a job or a sweep has opened; nothing was where only help was asked for."""
    sweep = sys.modules.get("denoise.runs.sweep")
    return sweep.finish() if sweep else 0


if __name__ == "__main__":
    sys.exit(main())
