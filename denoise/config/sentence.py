"""A mistake in the config, told in one sentence with the key, the value and what is allowed."""

import re
import traceback

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from denoise.errors import UserError

# How Hydra begins six lines on the way to quote a value with commas.
SEVERAL = re.compile(r"Ambiguous value for argument '(.*)'\n")


def sentence(error: BaseException) -> str:
    """What `error` says to the person who caused it, on one line."""
    return " ".join(_said(error).split())


def _said(error: BaseException) -> str:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        return f"{group}={choice} is not a choice; there are {', '.join(sorted(error.options))}"
    if isinstance(error, OverrideParseException):
        return f"{error.override} is not of the form key=value"
    if several := SEVERAL.match(str(error)):
        return f"{several[1]} gives several values; -m sweeps over them"
    cause = error.__cause__ if isinstance(error, HydraException) else error
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        override = _override(error)
        typed = f"{override}: " if "=" in override else ""
        return f"{typed}{cause.full_key} is not a key{_meant(cause)}; {_keys(cause.parent_node)}"
    if isinstance(cause, MissingMandatoryValue):
        return f"{cause.full_key} has no value"
    if isinstance(cause, OmegaConfBaseException):
        said = str(cause).partition("\n")[0]
        where = cause.full_key if cause is error else error
        return f"{where}: {said}" if where else said
    return _with_override(error)


def _with_override(error: BaseException) -> str:
    """What Hydra says, after the override that it was at work on, if it does not name that."""
    override = _override(error)
    return str(error) if override in str(error) else f"{override}: {error}"


def _override(error: BaseException) -> str:
    """The override, as it was typed, that Hydra was at work on; '' if on none."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    overrides = (getattr(one.f_locals.get("override"), "input_line", "") for one in frames[::-1])
    return next(filter(None, overrides), "")


def _meant(error: ConfigAttributeError | ConfigKeyError) -> str:
    """The keys of groups that have the name of an unknown key that was typed without a group."""
    name, parent = str(error.full_key), error.parent_node
    assert isinstance(parent, DictConfig)
    groups = {str(group): parent._get_node(group) for group in parent if group != "hydra"}
    has = [
        f"{group}.{name}"
        for group, node in groups.items()
        if isinstance(node, DictConfig) and name in node
    ]
    return f", {' and '.join(has)} {'is' if len(has) == 1 else 'are'}" if has else ""


def _keys(node: object) -> str:
    """What there is where the unknown key was looked for."""
    assert isinstance(node, DictConfig)
    keys = [str(key) for key in node if key not in ("_target_", "hydra")]
    return f"{node._get_full_key(None) or 'the config'} has {', '.join(keys) or 'none'}"
