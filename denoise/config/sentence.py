"""One sentence about a mistake in a config: the key, the value, and what is allowed."""

import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, errors
from yaml import YAMLError

from denoise.config import CONF, choices
from denoise.errors import UserError

# What a mistake in a config raises.
MISTAKES = (UserError, HydraException, errors.OmegaConfBaseException, YAMLError)
# Hydra's exceptions have no attribute for the override at fault, but most messages quote it.
SEVERAL = re.compile(r"Ambiguous value for argument '(.*)'\n")
QUOTED = re.compile(r"(?:To append to your config use \+|Error merging override )(.*)")


def is_mistake(error: Exception) -> bool:
    """Whether the message of `error` is all that a person needs: a traceback would not help."""
    is_refusal_of_slurm = type(error).__module__.startswith("submitit.")
    return is_refusal_of_slurm or isinstance(error, (*MISTAKES, OSError, ValueError))


def sentence(error: BaseException, typed: Sequence[str] = ()) -> str:
    """The message of `error` for the person who `typed` the overrides, on one line."""
    return " ".join(_message(error, typed).split())


def _message(error: BaseException, typed: Sequence[str]) -> str:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        return f"{group}={choice} is not a choice; there are {', '.join(sorted(error.options))}"
    if "'hydra/launcher/submitit_slurm" in str(error):
        return "hydra/launcher=slurm needs a package: pip install hydra-submitit-launcher"
    if isinstance(error, OverrideParseException):
        return _not_parsed(str(error.override))
    if several := SEVERAL.match(str(error)):
        return f"{several[1]} gives several values; -m sweeps over them"
    if str(error).startswith("Config group override must be"):
        return _not_text(typed) or str(error)
    cause = error.__cause__ if isinstance(error, HydraException) else error
    if isinstance(cause, errors.ConfigAttributeError | errors.ConfigKeyError):
        return f"{_override(error)}{cause.full_key} is not a key{_meant(cause)}; {_keys(cause)}"
    if isinstance(cause, errors.MissingMandatoryValue):
        return f"{cause.full_key} has no value"
    if isinstance(cause, errors.OmegaConfBaseException):
        reason = str(cause).partition("\n")[0]
        where = cause.full_key if cause is error else error
        return f"{where}: {reason}" if where else reason
    return str(error)


def _not_parsed(override: str) -> str:
    """The message about an override that cannot be parsed, which quotation marks may mend."""
    key, equals, value = override.partition("=")
    if not equals or value.startswith("="):
        return f"{override} is not of the form key=value"
    if value.endswith(","):
        return f"{override} ends with a comma; leave out spaces between values"
    if value.startswith("~/"):
        return f"{override}: only a shell knows ~; type $HOME{value[1:]}"
    hint = f"; quote the value twice, like '{key}=\"{value}\"'"
    may_be_text = re.fullmatch(r"[\w./@+~-]+", key, re.ASCII) and not re.search(
        r"[,()\[\]{}'\"]", value
    )
    return f"{override} cannot be parsed{hint if may_be_text else ''}"


def _override(error: BaseException) -> str:
    """The override that Hydra quotes, and a colon; '' if it quotes none."""
    quoted = QUOTED.search(str(error))
    return f"{quoted[1]}: " if quoted else ""


def _not_text(typed: Sequence[str]) -> str:
    """The message about the first choice of a group that is no text; '' if there is none.

    Hydra's message does not name it.
    """
    parser = OverridesParser.create()
    for one in filter(_is_of_a_group, typed):
        if not isinstance(parser.parse_override(one).value(), str | list):
            there = ", ".join(choices(one.partition("=")[0].lstrip("+")))
            return f"{one} is not a choice; the package has {there}"
    return ""


def _is_of_a_group(typed: str) -> bool:
    """Whether an argument, which may be a flag or a path as well, overrides a config group."""
    key, equals, _ = typed.partition("=")
    return bool(equals) and not key.startswith("-") and ("/" in key or (CONF / key).is_dir())


def _meant(error: errors.ConfigAttributeError | errors.ConfigKeyError) -> str:
    """The keys with the name of an unknown key that was typed without its group, as a clause."""
    name, parent = str(error.full_key), error.parent_node
    assert isinstance(parent, DictConfig)
    groups = {str(group): parent._get_node(group) for group in parent if group != "hydra"}
    has = [
        f"{group}.{name}"
        for group, node in groups.items()
        if isinstance(node, DictConfig) and name in node
    ]
    return f", {' and '.join(has)} {'is' if len(has) == 1 else 'are'}" if has else ""


def _keys(error: errors.ConfigAttributeError | errors.ConfigKeyError) -> str:
    """The keys of the group in which the unknown key was looked up."""
    node = error.parent_node
    assert isinstance(node, DictConfig)
    keys = [str(key) for key in node if key not in ("_target_", "hydra")]
    if node._get_parent() is None:  # a group without a choice, like `experiment`, has no key
        groups = sorted(path.name for path in CONF.iterdir() if path.is_dir())
        keys += [group for group in groups if group not in (*keys, "hydra")]
    return f"{node._get_full_key(None) or 'the config'} has {', '.join(keys) or 'no keys'}"
