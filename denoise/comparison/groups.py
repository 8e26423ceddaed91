"""Grouping runs over seeds: runs that differ only in the seed are one setting."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass

from denoise import noise
from denoise.comparison import seeds
from denoise.comparison.seeds import Estimate
from denoise.config import identity
from denoise.tracking.search import Found

NO_NOISE = "none"


@dataclass(frozen=True)
class Setting:
    """The runs that differ only in the seed, by seed; of several runs with one seed, the newest.

    `facts` are the config values and choices that the runs share. `label` names those in which the
    setting differs from the others compared with it, and `noise` those that belong to the noise.
    """

    label: str
    noise: str
    facts: dict[str, str]
    runs: dict[str, Found]

    @property
    def strength(self) -> float:
        """How strong the noise is, in its own unit: 0 without noise, nan if it has no strength."""
        if self.facts.get("noise") == NO_NOISE:
            return 0.0
        key = strength_key(self.facts)
        return _number(self.facts.get(key, "")) if key else math.nan

    @property
    def amount(self) -> str:
        """The strength as text: σ=0.1, or `none`."""
        return self.noise.partition(" ")[2] or self.noise

    @property
    def is_clean(self) -> bool:
        """Whether it trains without noise, which includes Gaussian noise of σ = 0."""
        return self.strength == 0 and _number(self.facts.get("noise.mean", "0")) == 0

    def without(self, *groups: str) -> dict[str, str]:
        """The facts that do not belong to these config groups."""
        return {k: v for k, v in self.facts.items() if k.partition(".")[0] not in groups}

    def values(self, metric: str) -> dict[str, float]:
        """The metric of each seed that has it."""
        return {s: run.metrics[metric] for s, run in self.runs.items() if metric in run.metrics}

    def estimate(self, metric: str) -> Estimate | None:
        """The mean of the metric over the seeds, with its interval; None if no seed has it."""
        values = list(self.values(metric).values())
        return seeds.estimate(values) if values else None


def group(runs: Iterable[Found]) -> list[Setting]:
    """Group runs, given newest first, into settings.

    Settings are sorted by all that is not the noise, then by the noise: none first, then by
    strength.
    """
    grouped: dict[tuple[tuple[str, str], ...], dict[str, Found]] = {}
    for run in runs:
        facts = tuple(sorted(_facts(run).items()))
        grouped.setdefault(facts, {}).setdefault(run.params.get("seed", ""), run)
    described = [(dict(facts), by_seed) for facts, by_seed in grouped.items()]
    named = distinguishing([facts for facts, _ in described])
    of_noise, others = ([k for k in named if _is_noise(k) == wanted] for wanted in (True, False))

    def place(setting: Setting) -> tuple[object, ...]:
        kind, strength = setting.facts["noise"], setting.strength
        context = [setting.facts.get(key, "") for key in others]
        return context, kind != NO_NOISE, kind, math.isnan(strength), strength, setting.label

    settings = [
        Setting(label(facts, named), label(facts, of_noise), facts, by_seed)
        for facts, by_seed in described
    ]
    return sorted(settings, key=place)


def clean_like(setting: Setting, settings: Sequence[Setting]) -> list[Setting]:
    """The settings without noise that equal this one in all else; `noise=none` comes first."""
    others = setting.without("noise")
    return [one for one in settings if one.is_clean and one.without("noise") == others]


def ladders(settings: Sequence[Setting]) -> list[list[Setting]]:
    """The noises that were trained at several strengths: for each the settings, weakest first.

    The setting without noise, if there is one, comes before the weakest.
    """
    rungs: dict[tuple[object, ...], list[Setting]] = {}
    for setting in settings:
        key = strength_key(setting.facts)
        if key and setting.strength > 0:
            alike = tuple(sorted(item for item in setting.facts.items() if item[0] != key))
            rungs.setdefault(alike, []).append(setting)
    return [clean_like(one[0], settings)[:1] + one for one in rungs.values() if len(one) > 1]


def context(setting: Setting, settings: Sequence[Setting]) -> str:
    """What tells this setting from the others besides its noise, as a label."""
    keys = distinguishing([one.facts for one in settings])
    return label(setting.facts, [key for key in keys if not _is_noise(key)])


def distinguishing(facts: Sequence[Mapping[str, str]]) -> list[str]:
    """The keys needed to tell settings with these facts apart.

    The noise and its strength are always among them; a key whose value follows from others is not.
    """
    keys = sorted({key for one in facts for key in one}, key=_rank)
    strengths = {strength_key(one) for one in facts}
    chosen = ["noise", *(key for key in keys if key in strengths)]

    def number_of_groups(by: Sequence[str]) -> int:
        return len({tuple(one.get(key, "") for key in by) for one in facts})

    for key in keys:
        if key not in chosen and number_of_groups([*chosen, key]) > number_of_groups(chosen):
            chosen.append(key)
    return chosen


def label(facts: Mapping[str, str], keys: Iterable[str]) -> str:
    """The values of these keys in words: gaussian σ=0.1."""
    return " ".join(_word(key, facts[key]) for key in keys if facts.get(key))


def strength_key(facts: Mapping[str, str]) -> str:
    """The param with the noise's strength, which its class declares first; empty if it has none."""
    kind = getattr(noise, facts.get("noise._target_", "").rpartition(".")[2], None)
    declared = fields(kind) if is_dataclass(kind) else ()
    return f"noise.{declared[0].name}" if declared else ""


def _facts(run: Found) -> dict[str, str]:
    """What determines a run's metrics: its params, and its choices by name."""
    params = {k: _plain(v) for k, v in run.params.items() if identity.matters(k, v)}
    return {group: run.tags.get(group, "") for group in ("noise", "protocol", "model")} | params


def _rank(key: str) -> tuple[bool, bool, str]:
    return not _is_noise(key), "." in key, key


def _is_noise(key: str) -> bool:
    return key.partition(".")[0] == "noise"


def _word(key: str, value: str) -> str:
    return identity.spelled(key, value) if "." in key else value


def _plain(value: str) -> str:
    """The same text for equal numbers, so that 1 and 1.0 are one setting."""
    number = _number(value)
    return value if math.isnan(number) else f"{number:g}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
