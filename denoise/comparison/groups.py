"""Grouping runs over seeds: runs that differ only in the seed are one setting."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass

from denoise import noise
from denoise.comparison import seeds
from denoise.config import identity
from denoise.tracking.search import Found

Facts = tuple[tuple[str, str], ...]

LESS_NOISE = ("noise.peak",)  # amounts of which a larger one is less noise


@dataclass(frozen=True)
class Setting:
    """The runs that differ only in the seed, by seed; of several runs with one seed, the newest.

    `facts` are the config values and choices that the runs share. `label` names those in which the
    setting differs from the others compared with it, `noise` those of the noise, and `line` the
    rest: all but the noise's kind and amount, or all but the noise if it has no amount.
    """

    label: str
    noise: str
    line: str
    facts: dict[str, str]
    runs: dict[str, Found]

    @property
    def strength(self) -> float:
        """How strong the noise is: 0 without noise, nan if it has no amount.

        It is the amount, or the amount's inverse if a larger one is less noise.
        """
        key = amount_key(self.facts)
        amount = 0.0 if self.is_clean else _number(self.facts.get(key, ""))
        return 1 / amount if amount and key in LESS_NOISE else amount

    @property
    def amount(self) -> str:
        """The amount as text: σ=0.1, or `none`."""
        return self.noise.partition(" ")[2] or self.noise

    @property
    def is_clean(self) -> bool:
        """Whether it trains without noise."""
        return self.facts["noise"] == identity.NONE

    def besides(self, fact: str) -> Facts:
        """All facts except `fact` and those of the config group `fact`."""
        return tuple(
            (k, v) for k, v in self.facts.items() if k != fact and k.partition(".")[0] != fact
        )

    def values(self, metric: str) -> dict[str, float]:
        """The metric of each seed that has it."""
        return {s: run.metrics[metric] for s, run in self.runs.items() if metric in run.metrics}

    def estimate(self, metric: str) -> seeds.Estimate | None:
        """The mean of the metric over the seeds, with its interval; None if no seed has it."""
        values = list(self.values(metric).values())
        return seeds.estimate(values) if values else None


AmountSeries = dict[str, dict[str, list[Setting]]]


def group(runs: Iterable[Found]) -> list[Setting]:
    """Group runs, given newest first, into settings.

    Settings are sorted by all that is not the noise, then by the noise: none first, then by
    strength.
    """
    grouped: dict[Facts, dict[str, Found]] = {}
    for run in runs:
        facts = tuple(sorted(_facts(run).items()))
        grouped.setdefault(facts, {}).setdefault(run.params.get("seed", ""), run)
    named = distinguishing([dict(facts) for facts in grouped])
    of_noise, others = ([k for k in named if _is_noise(k) == wanted] for wanted in (True, False))

    def place(setting: Setting) -> tuple[object, ...]:
        return [_in_order(setting.facts.get(key, "")) for key in others], by_noise(setting)

    def described(facts: Facts, runs: dict[str, Found]) -> Setting:
        values = dict(facts)
        amount = amount_key(values)
        shown = named if amount in values else others
        rest = [key for key in shown if key not in ("noise", amount)]
        return Setting(
            label(values, named), label(values, of_noise), label(values, rest), values, runs
        )

    return sorted((described(*one) for one in grouped.items()), key=place)


def by_noise(setting: Setting) -> tuple[object, ...]:
    """A key to sort by: none first, then the kinds, each from its weakest."""
    kind, strength = setting.facts["noise"], setting.strength
    return kind != identity.NONE, kind, math.isnan(strength), strength, setting.noise


def amount_series(settings: Sequence[Setting]) -> AmountSeries:
    """The noises that were trained at several amounts, each with its unit: `gaussian, σ`.

    For each there is a line per combination of all else, with its settings, weakest first. The
    setting without noise, if there is one, comes before the weakest.
    """
    found: AmountSeries = {}
    for setting in settings:
        if setting.strength > 0:
            unit = identity.spelled(amount_key(setting.facts), "").rstrip("=")
            lines = found.setdefault(f"{setting.facts['noise']}, {unit}", {})
            lines.setdefault(setting.line, []).append(setting)
    without = {one.besides("noise"): one for one in settings if one.is_clean}
    several: AmountSeries = {}
    for kind, lines in found.items():
        for line, series in lines.items():
            if len(series) > 1:
                start = without.get(series[0].besides("noise"))
                several.setdefault(kind, {})[line] = [start, *series] if start else series
    return several


def distinguishing(facts: Sequence[Mapping[str, str]]) -> list[str]:
    """The keys needed to tell settings with these facts apart.

    They also tell settings apart where the noise is ignored, because only settings that agree in
    all but the noise are compared. The noise and its amount are always among them; a key whose
    value follows from others is not.
    """
    keys = sorted({key for one in facts for key in one}, key=_rank)
    strengths = {amount_key(one) for one in facts}
    chosen = ["noise", *(key for key in keys if key in strengths)]

    def different(by: Iterable[str]) -> int:
        return len({tuple(one.get(key, "") for key in by) for one in facts})

    def told_apart(by: Sequence[str]) -> int:
        return different(by) + different([key for key in by if not _is_noise(key)])

    for key in keys:
        if key not in chosen and told_apart([*chosen, key]) > told_apart(chosen):
            chosen.append(key)
    return sorted(chosen, key=lambda key: not _is_noise(key))


def label(facts: Mapping[str, str], keys: Iterable[str]) -> str:
    """The values of these keys in words: gaussian σ=0.1."""
    return " ".join(_word(key, facts[key]) for key in keys if facts.get(key))


def amount_key(facts: Mapping[str, str]) -> str:
    """The param with the noise's amount; empty if it has none.

    A class of this package declares it first. Of any other class it is the only number, if there is
    only one: nothing is imported to compare runs.
    """
    if name := _class_of_ours(facts):
        kind = getattr(noise, name, None)
        keys = [f"noise.{field.name}" for field in fields(kind)] if is_dataclass(kind) else []
        return keys[0] if keys else ""
    numbers = [key for key in facts if _is_noise(key) and not math.isnan(_number(facts[key]))]
    return numbers[0] if len(numbers) == 1 else ""


def _class_of_ours(facts: Mapping[str, str]) -> str:
    """The name of the noise's class in `denoise.noise`; empty if it is from another module."""
    module, _, name = facts.get("noise._target_", "").rpartition(".")
    return name if module == noise.__name__ else ""


def _facts(run: Found) -> dict[str, str]:
    """What determines a run's metrics: its params, and its choices by name.

    Earlier versions tell noise of amount 0 from no noise; here they are the same.
    """
    params = {k: _plain(v) for k, v in run.params.items() if identity.matters(k, v)}
    facts = {group: run.tags.get(group, "") for group in ("noise", "protocol", "model")} | params
    is_nothing = params.get(amount_key(params)) == "0" and params.get("noise.mean", "0") == "0"
    if is_nothing and _class_of_ours(params):
        facts = {key: value for key, value in facts.items() if not _is_noise(key)}
        facts |= {"noise": identity.NONE, "noise._target_": identity.NO_NOISE["_target_"]}
    return facts


def _rank(key: str) -> tuple[bool, bool, str]:
    """Choices before values, which may follow from them; those of the noise before others."""
    return "." in key, not _is_noise(key), key


def _is_noise(key: str) -> bool:
    return key.partition(".")[0] == "noise"


def _word(key: str, value: str) -> str:
    return identity.spelled(key, value) if "." in key else value


def _plain(value: str) -> str:
    """The same text for equal numbers, so that 1 and 1.0 are one setting."""
    number = _number(value)
    return value if math.isnan(number) else repr(number).removesuffix(".0")


def _in_order(text: str) -> tuple[bool, float, str]:
    """A key to sort by: none first, numbers by value, then words."""
    number = _number(text)
    is_word = bool(text) and math.isnan(number)
    return is_word, 0.0 if math.isnan(number) else number, text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
