"""What was typed as Hydra can compose it; also a saved config, `-cp outputs/RUN/config`."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig, OmegaConf

from denoise.config import CONF
from denoise.errors import UserError

# The groups of a saved config. `tracking` is not saved.
GROUPS = ("data", "noise", "model", "evaluation", "trainer", "protocol")


@contextlib.contextmanager
def composable(typed: Sequence[str]) -> Iterator[list[str]]:
    """The arguments `typed`; if they name a saved config, with one that Hydra can compose instead.

    A saved config has values and no choices. Here each of its groups becomes the choice of that
    group, so that `noise=none` replaces the whole noise, as it does in every command. Overrides
    come first, because argparse refuses those that are typed in two places.
    """
    arguments, _ = get_args_parser().parse_known_intermixed_args(typed)
    typed = [*arguments.overrides, *(each for each in typed if each not in arguments.overrides)]
    _check_names(Path(arguments.config_dir or CONF))
    name = (arguments.config_name or "config").removesuffix(".yaml")
    path = Path(arguments.config_path or CONF) / f"{name}.yaml"
    if arguments.config_path and not path.is_file():
        raise UserError(f"{path} does not exist; the folder of a reused run has no config")
    saved = _read(path)
    if not saved:
        yield typed
        return
    replaced = {override.partition("=")[0] for override in arguments.overrides}
    kept = {group: saved[group] for group in GROUPS if group not in replaced}
    _check({**kept, "seed": saved["seed"]}, path)
    if "data" in kept:
        kept["data"]["root"] = root_here(kept["data"]["root"])
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder) / f"{name}.yaml", kept, seed=saved["seed"])
        yield [*typed, "--config-path", folder]


def _check_names(folder: Path) -> None:
    """Refuse files of the user's with the name of one of ours, because Hydra would use ours."""
    for ours in CONF.rglob("*.yaml"):
        path = folder / ours.relative_to(CONF)
        if path.exists() and not path.samefile(ours):
            raise UserError(f"{path} would be ignored: the package has a choice of that name")


def root_here(root: str) -> str:
    """The data folder `root` of a run; the default one if the run was on another machine."""
    is_here = Path(root).is_dir()
    return root if is_here else OmegaConf.load(CONF / "data" / "fashion_mnist.yaml").root


def _read(path: Path) -> dict[str, Any] | None:
    """The saved config in the file; None if there is none, or another config."""
    if not path.is_file():
        return None
    config = OmegaConf.to_container(OmegaConf.load(path))
    is_saved = isinstance(config, dict) and config.keys() == {*GROUPS, "seed"}
    return config if is_saved else None  # type: ignore[return-value]


def _check(node: Any, path: Path) -> None:
    """Refuse classes that are not of this package: the config may come from somebody else.

    Interpolations are refused, too: they could become such classes. A saved config has none.
    """
    if isinstance(node, str) and "${" in node:
        raise UserError(f"{path} has {node!r}, and saved configs have no interpolations")
    for each in node if isinstance(node, list) else ():
        _check(each, path)
    if isinstance(node, Mapping):
        target = node.get("_target_", "denoise.")
        if not str(target).startswith("denoise."):
            raise UserError(
                f"{path} names {target}, which is not of this package; if you trust it, choose it "
                "yourself: --config-dir my_conf noise=my_noise"
            )
        for each in (*node, *node.values()):
            _check(each, path)


def _write(path: Path, saved: dict[str, Any], *, seed: int) -> None:
    """Write the package's primary config to `path`, and the saved groups as choices beside it."""
    config = OmegaConf.load(CONF / "config.yaml")
    for entry in config.defaults:
        for group in saved.keys() & (entry if isinstance(entry, DictConfig) else ()):
            entry[group] = _choice(group, saved[group]) or entry[group]
            file = path.parent / group / f"{entry[group]}.yaml"
            file.parent.mkdir()
            OmegaConf.save(OmegaConf.create(saved[group]), file)
    config.seed = seed
    config.hydra.searchpath = [f"file://{CONF}"]
    OmegaConf.save(config, path)


def _choice(group: str, node: Mapping[str, Any]) -> str:
    """The choice of the package with the class of the node; '' for a node without a class."""
    for path in (CONF / group).glob("*.yaml"):
        if OmegaConf.select(OmegaConf.load(path), "_target_", default="") == node.get("_target_"):
            return path.stem
    return ""
