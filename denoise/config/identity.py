"""What makes two runs the same, and what runs are called."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from denoise import noise

# What changes where a run is made, and not what comes out of it.
NOT_RESULTS = ("data.root", "data.debian", "trainer.device")
# Keys that are newer than runs that may be in a store, each with the value that does what was done
# before it: with that value a key is left out of the fingerprint, and those runs stay known.
ADDED: dict[str, Any] = {}
# What is said of a launch, not of a run. Where it is tracked may hold a password.
NOT_OF_A_RUN = ("tracking", "seeds", "force")


def fingerprint(plain: Mapping[str, Any]) -> str:
    """16 hex digits: the same for two configs that give the same result, however they are spelt."""
    kept = {
        name: {key: value for key, value in node.items() if _counts(f"{name}.{key}", value)}
        if isinstance(node, Mapping)
        else node
        for name, node in plain.items()
        if _counts(name, node)
    }
    text = json.dumps(_canonical(kept), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _counts(key: str, value: Any) -> bool:
    """Whether the setting makes a difference to what comes out."""
    return key not in NOT_RESULTS and not (key in ADDED and value == ADDED[key])


def spelled(key: str, value: Any) -> str:
    """A setting as names and labels have it, without its group: σ=0.1, or robust.blur.sigma=2."""
    name = key.partition(".")[2] or key
    shown = f"{value:g}" if isinstance(value, float) else value
    return f"{noise.SYMBOLS.get(name, name)}={shown}"


def baseline(plain: Mapping[str, Any]) -> str:
    """The fingerprint of the same config without noise: the run that this one is compared with."""
    return fingerprint({**plain, "noise": {"_target_": "denoise.noise.Identity"}})


def _canonical(value: Any) -> Any:
    """Numbers as floats, since 1 and 1.0 are the same setting."""
    if isinstance(value, Mapping):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_whole else value
