"""What the settings show: paired differences from a baseline, and the best amount of a noise."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from denoise.comparison import groups, seeds
from denoise.comparison.groups import Setting
from denoise.comparison.seeds import LEVEL, Estimate
from denoise.metrics import (
    CLEAN_MSE,
    FEW_LABEL_ACCURACY,
    KNN_ACCURACY,
    LINEAR_ACCURACY,
    ROBUSTNESS,
    Metric,
    of_best_epoch,
)

FIRST_MODEL = "anello"
# Every run is measured on the same images, whatever its training noise.
JUDGED = (CLEAN_MSE, ROBUSTNESS, KNN_ACCURACY, LINEAR_ACCURACY, FEW_LABEL_ACCURACY)
# Differences below this share of the baseline do not matter: fixed before any run is seen.
MARGIN = 0.02
BETTER, EQUIVALENT, UNDECIDED, WORSE = ANSWERS = ("better", "equivalent", "undecided", "worse")

Pairs = Sequence[tuple[Setting, Setting]]


class Effect(NamedTuple):
    """How much better `setting` is than its baseline, paired by seed.

    `gain` is in percent of the baseline's mean, positive if better. `p` and `p_equivalent` are
    corrected by Holm's method over all settings compared in the metric. `is_small` says whether the
    setting is equivalent within the margin. `needed` is the number of seeds that would show a
    difference as large as the margin with 80% power; None if it is above 1,000.
    """

    setting: Setting
    gain: Estimate
    p: float
    p_equivalent: float
    needed: int | None

    @property
    def is_significant(self) -> bool:
        return self.p < LEVEL

    @property
    def is_small(self) -> bool:
        return self.p_equivalent < LEVEL

    @property
    def answer(self) -> str:
        """One of `ANSWERS`. A significant difference may also be too small to matter."""
        if self.is_significant:
            return BETTER if self.gain.mean > 0 else WORSE
        return EQUIVALENT if self.is_small else UNDECIDED


Effects = Mapping[Metric, Sequence[Effect]]


class Question(NamedTuple):
    """Whether another noise or model (what is `varied`) is better than the `baseline`."""

    varied: str
    baseline: str
    effects: Effects

    @property
    def settings(self) -> list[Setting]:
        """Every setting that has an effect, once."""
        every = (one.setting for found in self.effects.values() for one in found)
        return list({setting.label: setting for setting in every}.values())

    @property
    def seeds(self) -> list[int]:
        """The smallest and the largest number of seeds behind an effect."""
        sizes = [one.gain.size for found in self.effects.values() for one in found]
        return [min(sizes), max(sizes)]

    def better(self) -> list[tuple[Metric, list[Effect], Effect | None]]:
        """The metrics that are improved: by which settings, and by which most of all.

        There is one such only if it is significantly better than every other setting.
        """
        return [
            (metric, improved, _winner(metric, found, improved))
            for metric, found in self.effects.items()
            if (improved := [one for one in found if one.answer == BETTER])
        ]


class Best(NamedTuple):
    """The best of some settings in a metric.

    `alike` are the others that do not differ significantly from it. It `is_distinct` if at least
    one other does: otherwise there is no best.
    """

    setting: Setting
    alike: list[Setting]
    is_distinct: bool


def noise_pairs(settings: Sequence[Setting]) -> Pairs:
    """Each setting with noise, and the one without that equals it in all else."""
    without = groups.clean(settings)
    noisy = [(one, one.besides("noise")) for one in settings if not one.is_clean]
    return [(one, without[rest]) for one, rest in noisy if rest in without]


def model_pairs(settings: Sequence[Setting]) -> Pairs:
    """Each setting of another model, and the first model trained on the same noise."""

    def rest(setting: Setting) -> tuple[object, ...]:
        return setting.besides("model"), setting.facts.get("model.latent_dim")

    first = {rest(one): one for one in settings if one.facts["model"] == FIRST_MODEL}
    others = [one for one in settings if one.facts["model"] != FIRST_MODEL]
    return [(one, first[rest(one)]) for one in others if rest(one) in first]


def questions(settings: Sequence[Setting], margin: float) -> tuple[Question, Question]:
    """What the settings tell of the noise, and of the model."""
    noises, models = (compare(of(settings), margin) for of in (noise_pairs, model_pairs))
    return Question("noise", "no noise", noises), Question("model", FIRST_MODEL, models)


def compare(pairs: Pairs, margin: float) -> dict[Metric, list[Effect]]:
    """The effect of each pair's first setting, in each of the metrics that both have.

    `margin` is a share of the baseline's mean. Pairs without a shared seed are left out. If some
    pairs share several seeds, those that share only one are left out as well.
    """
    found = {metric: _effects(pairs, metric, 100 * margin) for metric in JUDGED}
    return {metric: effects for metric, effects in found.items() if effects}


def _effects(pairs: Pairs, metric: Metric, margin: float) -> list[Effect]:
    gains = []
    for setting, baseline in pairs:
        mine, theirs = (one.values(metric.key) for one in (setting, baseline))
        shared = seeds.paired(mine, theirs)
        mean = sum(theirs[seed] for seed in shared) / max(1, len(shared))
        if mean:
            gain = [100 * metric.better * each / abs(mean) for each in shared.values()]
            gains.append((setting, seeds.estimate(gain)))
    gains = [one for one in gains if one[1].size > 1] or gains
    p = seeds.holm([seeds.p_value(gain) for _, gain in gains])
    p_equivalent = seeds.holm([seeds.p_equivalent(gain, margin) for _, gain in gains])
    return [
        Effect(*one, *ps, seeds.seeds_needed(one[1].std, margin, len(gains)))
        for one, ps in zip(gains, zip(p, p_equivalent, strict=True), strict=True)
    ]


def best(settings: Sequence[Setting], metric: Metric) -> Best | None:
    """The best of the settings; None if fewer than two have the metric.

    It was picked from all of them, so p values are multiplied by the number of all pairs.
    """
    having = [setting for setting in settings if setting.values(metric.key)]
    if len(having) < 2:
        return None
    # On held-out images, in the best epoch, if every setting holds some out.
    held_out = [
        one.values(metric.held_out) and one.values(of_best_epoch(metric.held_out)) for one in having
    ]
    scores = held_out if all(held_out) else [one.values(metric.key) for one in having]
    means = [metric.better * sum(each.values()) / len(each) for each in scores]
    first = having[means.index(max(means))]
    pairs = len(having) * (len(having) - 1) / 2
    alike = [one for one in having if one is not first and _p(one, first, metric) * pairs >= LEVEL]
    return Best(first, alike, len(alike) < len(having) - 1)


def _winner(metric: Metric, found: Sequence[Effect], improved: list[Effect]) -> Effect | None:
    winner = best([one.setting for one in found], metric)
    if winner and winner.alike:
        return None
    return next((one for one in improved if not winner or one.setting is winner.setting), None)


def _p(one: Setting, other: Setting, metric: Metric) -> float:
    differences = seeds.paired(one.values(metric.key), other.values(metric.key))
    return seeds.p_value(seeds.estimate(list(differences.values()))) if differences else 1.0
