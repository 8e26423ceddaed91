"""A mistake in the config, told in one sentence with the key, the value and what is allowed."""

from hydra.errors import MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import ConfigKeyError


def sentence(error: BaseException) -> str:
    """What `error` says to the person who caused it."""
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        return f"{group}={choice} is not a choice; there are {', '.join(sorted(error.options))}"
    cause = error if isinstance(error, ConfigKeyError) else error.__cause__
    if isinstance(cause, ConfigKeyError) and isinstance(cause.parent_node, DictConfig):
        parent = cause.parent_node
        inside = parent._get_full_key(None) or "the config"
        return f"{cause.full_key} is not a key; {inside} has {', '.join(map(str, parent))}"
    return " ".join(str(error).split())
