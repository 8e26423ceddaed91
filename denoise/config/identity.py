"""What makes two runs the same, and what runs are called."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from denoise import fetch, noise

if TYPE_CHECKING:
    from hydra.conf import HydraConf

Plain = Mapping[str, Any]

# Keys that only change a picture.
PICTURES = ("evaluation.map_seed", "evaluation.loss_axis")
# Keys that change where a run is trained or how it looks, but not what it measures. Another device
# rounds and draws differently, which matters no more than another seed.
NOT_RESULTS = ("data.root", "trainer.device", *PICTURES)
# Keys that belong to a launch, not to a run. `tracking` may hold a password.
NOT_OF_A_RUN = ("tracking", "seeds", "force")
# Keys that differ between the runs of one setting, or follow from others that are compared.
NOT_OF_A_SETTING = ("seed", "protocol.name", "protocol.sigma", "protocol.grey")
# Keys added since earlier runs, with the default that reproduces them. At its default a key is not
# hashed, so those runs keep their fingerprint.
ADDED: Plain = {}
# Keys of version 0.1.0 that are no longer settings; their values followed from `data.name`.
REMOVED = ("data.sha256", "data.debian")

NONE = "none"  # the name of `conf/noise/none.yaml`
NO_NOISE: Plain = {"_target_": f"{noise.__name__}.{noise.Identity.__name__}"}
LONGEST_NAME = 250  # characters that every MLflow store accepts
LARGEST_SEED = 2**53  # larger whole numbers are not told apart in a fingerprint


def fingerprint(plain: Plain) -> str:
    """16 hex digits, equal for two configs that give equal results, however they are typed."""
    return _hash(plain, without=NOT_RESULTS)


def fingerprints(plain: Plain) -> list[str]:
    """The fingerprints that a run of this config may have: today's, then that of version 0.1.0."""
    data = {**plain["data"], "sha256": fetch.SHA256[plain["data"]["name"]]}
    then = _hash({**plain, "data": data}, without=set(NOT_RESULTS) - set(PICTURES))
    return [fingerprint(plain), then]


def without_noise(plain: Plain) -> dict[str, Any]:
    """The same config with no noise."""
    return {**plain, "noise": dict(NO_NOISE)}


def baselines(plain: Plain) -> list[str]:
    """The fingerprints that a run of the same config without noise may have; see `fingerprints`."""
    return fingerprints(without_noise(plain))


def matters(key: str, value: object) -> bool:
    """Whether two runs that differ in a logged parameter are runs of different settings.

    A key in `ADDED` at its default does not, because earlier runs lack it.
    """
    is_default = key in ADDED and str(value) == str(ADDED[key])
    return key not in (*NOT_RESULTS, *NOT_OF_A_SETTING, *REMOVED) and not is_default


def spelled(key: str, value: Any) -> str:
    """A setting in names and labels, without its group: σ=0.1, or robust.blur.sigma=2."""
    name = key.partition(".")[2] or key
    shown = f"{value:g}" if isinstance(value, float) else value
    return f"{noise.SYMBOLS.get(name, name)}={shown}"


def noise_name(plain: Plain, choices: Mapping[str, str]) -> str:
    """What the noise of a run is called: `none`, or its config's name."""
    return NONE if plain["noise"] == NO_NOISE else choices["noise"]


def experiment_tag(choices: Mapping[str, Any]) -> dict[str, str]:
    """The tag with the name of the experiment of `conf/experiment/` that was chosen, if any."""
    return {"experiment": choices["experiment"]} if choices.get("experiment") else {}


def run_name(plain: Plain, hydra: "HydraConf", varying: Collection[str] | None = None) -> str:
    """The noise, its strength (the first key of its config), then everything else overridden.

    Of a sweep's run, only the `varying` keys are named.
    """
    choices = hydra.runtime.choices
    name, strength = noise_name(plain, choices), _strength(plain["noise"])
    parts = [name, *(spelled(key, value) for key, value in strength.items())]
    is_none = name == NONE
    parts += [
        text
        for key, text in overridden(hydra.overrides.task, choices).items()
        if key not in ("noise", *strength)
        and (varying is None or key in varying)
        and not (is_none and key.startswith("noise."))
    ]
    return " ".join(parts)[:LONGEST_NAME]


def overridden(overrides: Iterable[str], choices: Mapping[str, str]) -> dict[str, str]:
    """By key, what to call the overrides that belong to a run, in the order typed."""
    parts = {}
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        if key in ("experiment", *NOT_RESULTS, *NOT_OF_A_RUN):
            continue
        if key.startswith(("tracking.", "hydra")):
            continue
        if override.startswith("~"):
            parts[key] = override
        else:
            parts[key] = value if key in choices else spelled(key, value)
    return parts


def _strength(node: Mapping[str, Any]) -> dict[str, Any]:
    """The setting that a noise's config lists first, unless it is a list or a group."""
    first = [str(key) for key in node if key != "_target_"][:1]
    return {f"noise.{key}": node[key] for key in first if isinstance(node[key], str | float | int)}


def _hash(plain: Plain, *, without: Collection[str]) -> str:
    """16 hex digits of all keys but those `without`, and those of `ADDED` at their default."""

    def counts(key: str, value: Any) -> bool:
        return key not in without and not (key in ADDED and value == ADDED[key])

    kept = {
        group: {key: value for key, value in node.items() if counts(f"{group}.{key}", value)}
        if isinstance(node, Mapping)
        else node
        for group, node in plain.items()
        if counts(group, node)
    }
    numbers = json.loads(json.dumps(kept), parse_int=float)  # 1 and 1.0 are the same setting
    return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()[:16]
