"""Turns what was typed into what Hydra can compose, also if it names a saved config with -cp."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig, OmegaConf

from denoise.config import CONF
from denoise.errors import UserError

# The groups of a saved config. `tracking` is not saved.
GROUPS = ("data", "noise", "model", "evaluation", "trainer", "protocol")
# Groups that set values of others, or have values that the protocol set.
NOT_COMBINED = ("protocol", "experiment", "data", "trainer")
HOME = Path("outputs/.configs")  # never deleted, because jobs of Slurm read it when they begin
CLASSES = ("denoise.noise", "denoise.model")  # the package's modules with classes of configs


def composable(typed: Sequence[str]) -> list[str]:
    """The arguments `typed`; if they name a saved config, with one that Hydra can compose instead.

    A saved config has values and no choices. Here each of its groups becomes the choice of that
    group, so that `noise=none` replaces the whole noise, as it does in every command. Overrides
    come first, because argparse refuses those that are typed in two places. Hydra has no public way
    to parse its arguments (its issue 1578).
    """
    arguments, _ = get_args_parser().parse_known_intermixed_args(typed)
    typed = [*arguments.overrides, *(each for each in typed if each not in arguments.overrides)]
    _check_names(Path(arguments.config_dir or CONF))
    _check_choices(arguments.overrides)
    if not arguments.config_path:
        return typed
    name = (arguments.config_name or "config").removesuffix(".yaml")
    path = Path(arguments.config_path) / f"{name}.yaml"
    saved = _read(path)
    replaced = {override.partition("=")[0].lstrip("+~") for override in arguments.overrides}
    if fixed := [key for key in NOT_COMBINED if key in replaced]:
        raise UserError(
            f"{fixed[0]} cannot be chosen with a saved config, because it would set only some of "
            "the values that belong together; set single values, or type the config without -cp"
        )
    kept = {group: saved[group] for group in GROUPS if group not in replaced}
    _check({**kept, "seed": saved["seed"]}, path)
    kept["data"]["root"] = root_here(str(kept["data"].get("root")))
    HOME.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=HOME.absolute()))
    _write(folder, kept, seed=saved["seed"])
    return [*typed, "--config-path", str(folder), "--config-name", "config"]


def _check_names(folder: Path) -> None:
    """Refuse files of the user's with the name of one of ours, because Hydra would use ours."""
    for ours in CONF.rglob("*.yaml"):
        path = folder / ours.relative_to(CONF)
        if path.exists() and not path.samefile(ours):
            raise UserError(f"{path} would be ignored: the package has a choice of that name")


def _check_choices(overrides: Sequence[str]) -> None:
    """Refuse choices that Hydra accepts, but does not treat as intended.

    Runs are found by the names of choices, not of files. Hydra would merge the choices of a list
    into one, and of several experiments it would leave out the sweeps.
    """
    for override in overrides:
        group, _, choice = override.partition("=")
        is_of_a_group = (CONF / group.lstrip("+")).is_dir()
        if is_of_a_group and ".yaml" in choice:
            raise UserError(f"{override}: leave out .yaml")
        if is_of_a_group and choice.startswith("["):
            raise UserError(f"{override}: give one choice, or sweep over several: -m {group}=A,B")
        if group == "experiment" and "," in choice:
            raise UserError(f"{override}: each is a sweep of its own; run one after the other")


def root_here(root: str) -> str:
    """The data folder `root` of a run; the default one if the run was on another machine."""
    is_here = Path(root).is_dir()
    return root if is_here else OmegaConf.load(CONF / "data" / "fashion_mnist.yaml").root


def _read(path: Path) -> dict[str, Any]:
    """The saved config in the file; `UserError` if it has none."""
    if not path.is_file():
        raise UserError(
            f"{path} does not exist: -cp names the folder of a saved config, like "
            "outputs/RUN/config; the folder of a reused run has none"
        )
    config: Any = OmegaConf.to_container(OmegaConf.load(path))
    keys = set(map(str, config)) if isinstance(config, dict) else set()
    if differing := sorted(keys ^ {*GROUPS, "seed"}):
        verb = "has" if differing[0] in keys else "lacks"
        raise UserError(
            f"{path} is not a saved config: it {verb} the key {differing[0]}; "
            "choose configs of your own with --config-dir"
        )
    for group in GROUPS:
        if not isinstance(config[group], dict):
            raise UserError(f"{path} is not a saved config: {group} is not a group of settings")
    return config


def _check(node: Any, path: Path) -> None:
    """Refuse what could run code: the config may come from somebody else.

    That is a class that is not of this package, an interpolation, which could become one, and a
    list of defaults, with which Hydra would put a group anywhere. A saved config has none.
    """
    if isinstance(node, str) and "${" in node:
        raise UserError(f"{path} has {node!r}, and saved configs have no interpolations")
    for each in node if isinstance(node, list) else ():
        _check(each, path)
    if isinstance(node, Mapping):
        target = str(node.get("_target_", f"{CLASSES[0]}."))
        if target.rpartition(".")[0] not in CLASSES:
            raise UserError(
                f"{path} names {target}, which is not of this package; if you trust it, choose it "
                "yourself with --config-dir"
            )
        if "defaults" in node:
            raise UserError(f"{path} has the key defaults, and saved configs have none")
        for each in (*node, *node.values()):
            _check(each, path)


def _write(folder: Path, saved: dict[str, Any], *, seed: int) -> None:
    config = OmegaConf.load(CONF / "config.yaml")
    for entry in config.defaults:
        for group in saved.keys() & (entry if isinstance(entry, DictConfig) else ()):
            entry[group] = _choice(group, saved[group]) or entry[group]
            file = folder / group / f"{entry[group]}.yaml"
            file.parent.mkdir(parents=True)
            OmegaConf.save(OmegaConf.create(saved[group]), file)
    config.seed = seed
    config.hydra.searchpath = [f"file://{CONF}"]
    OmegaConf.save(config, folder / "config.yaml")


def _choice(group: str, node: Mapping[str, Any]) -> str:
    """The choice of the package with the class of the node; '' for a node without a class."""
    for path in (CONF / group).glob("*.yaml"):
        if OmegaConf.select(OmegaConf.load(path), "_target_", default="") == node.get("_target_"):
            return path.stem
    return ""
