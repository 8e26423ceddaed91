"""A mistake in the config, told in one sentence with the key, the value and what is allowed."""

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError


def sentence(error: BaseException) -> str:
    """What `error` says to the person who caused it."""
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        return f"{group}={choice} is not a choice; there are {', '.join(sorted(error.options))}"
    if isinstance(error, OverrideParseException):
        return f"{error.override} is not of the form key=value"
    cause = error.__cause__
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return f"{cause.full_key} is not a key; {_keys(cause.parent_node)}"
    return " ".join(str(error).split())


def _keys(node: object) -> str:
    """What there is where the unknown key was looked for."""
    assert isinstance(node, DictConfig)
    keys = [str(key) for key in node if key not in ("_target_", "hydra")]
    return f"{node._get_full_key(None) or 'the config'} has {', '.join(keys) or 'none'}"
