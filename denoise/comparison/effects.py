"""What the settings show: paired differences from a baseline, and the best amount of a noise."""

import math
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import NamedTuple

from denoise.comparison import seeds
from denoise.comparison.groups import Setting
from denoise.comparison.seeds import LEVEL, Estimate
from denoise.config import identity
from denoise.metrics import (
    CLEAN_MSE,
    DENOISE_MSE,
    FEW_LABEL_ACCURACY,
    KNN_ACCURACY,
    LINEAR_ACCURACY,
    ROBUSTNESS,
    Metric,
    of_best_epoch,
)

# In these, every run is measured on the same images, whatever its training noise.
JUDGED = (CLEAN_MSE, ROBUSTNESS, KNN_ACCURACY, LINEAR_ACCURACY, FEW_LABEL_ACCURACY)
# Settings with the same training noise can also be compared by how well they remove it.
OF_SAME_NOISE = (DENOISE_MSE, *JUDGED)
# Differences below this share of the baseline count as too small to matter.
MARGIN = 0.02
BETTER, EQUIVALENT, UNDECIDED, WORSE = ANSWERS = ("better", "equivalent", "undecided", "worse")

Pairs = Sequence[tuple[Setting, Setting]]


class Effect(NamedTuple):
    """How much better `setting` is than its `baseline`, paired by seed.

    `gain` is in percent of the baseline's mean, positive if better. `p` and `p_equivalent` are
    corrected by Holm's method over all settings compared in the metric. `needed` is the number of
    seeds that would show a difference as large as the margin with 80% power; None if it is above
    1,000.
    """

    setting: Setting
    baseline: Setting
    gain: Estimate
    p: float
    p_equivalent: float
    needed: int | None

    @property
    def is_significant(self) -> bool:
        return self.p < LEVEL

    @property
    def is_equivalent(self) -> bool:
        """Whether the difference is shown to be within the margin."""
        return self.p_equivalent < LEVEL

    @property
    def answer(self) -> str:
        """One of `ANSWERS`. A significant difference may also be too small to matter."""
        if self.is_significant:
            return BETTER if self.gain.mean > 0 else WORSE
        return EQUIVALENT if self.is_equivalent else UNDECIDED


Effects = Mapping[Metric, Sequence[Effect]]


class Question(NamedTuple):
    """Whether another value of the fact `varied` is better than the `baseline`."""

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

    def kinds(self, found: Sequence[Effect]) -> list[str]:
        """The values of what is varied, in the settings of these effects."""
        return list(dict.fromkeys(one.setting.facts[self.varied] for one in found))

    def improved(self) -> Effects:
        """The metrics in which some settings are better, with their effects."""
        better = {
            metric: [one for one in found if one.answer == BETTER]
            for metric, found in self.effects.items()
        }
        return {metric: found for metric, found in better.items() if found}

    def not_improved(self) -> list[Metric]:
        """The metrics in which several seeds show no setting to be better."""
        several = [metric for metric, found in self.effects.items() if found[0].gain.size > 1]
        return [metric for metric in several if metric not in self.improved()]

    def worsened(self) -> list[Metric]:
        """The metrics in which some settings are worse, and not within the margin."""
        return [
            metric
            for metric, found in self.effects.items()
            if any(one.answer == WORSE and not one.is_equivalent for one in found)
        ]

    def winner(self, metric: Metric) -> Effect | None:
        """The effect that improves the metric most of all.

        There is one only if its setting is significantly better than every other one with several
        seeds, and all are compared with the same baseline.
        """
        found = self.effects[metric]
        top = best([one.setting for one in found], metric)
        if not top or top.alike or len({one.baseline.label for one in found}) > 1:
            return None
        improved = self.improved()[metric]
        return next((one for one in improved if one.setting is top.setting), None)


class Best(NamedTuple):
    """The best of some settings in a metric.

    `alike` are the others that are not significantly worse. It `is_distinct` if at least one other
    is significantly worse: otherwise there is no best.
    """

    setting: Setting
    alike: list[Setting]
    is_distinct: bool


def pairs(settings: Sequence[Setting], fact: str, first: str) -> Pairs:
    """Each setting in which a fact is not `first`, and the one in which it is, with all else equal.

    Models of different kinds are paired if their latents have the same size.
    """

    def rest(setting: Setting) -> tuple[object, ...]:
        return setting.besides(fact), setting.facts.get("model.latent_dim")

    baselines = {rest(one): one for one in settings if one.facts.get(fact) == first}
    others = [one for one in settings if one.facts.get(fact) != first]
    return [(one, baselines[rest(one)]) for one in others if rest(one) in baselines]


def questions(settings: Sequence[Setting], margin: float) -> tuple[Question, Question, Question]:
    """What the settings tell of the noise, of the model, and of the target of training."""

    def question(fact: str, first: str, baseline: str, metrics: Sequence[Metric]) -> Question:
        return Question(fact, baseline, compare(pairs(settings, fact, first), metrics, margin))

    return (
        question("noise", identity.NONE, "no noise", JUDGED),
        question("model", "anello", "anello", OF_SAME_NOISE),
        question("trainer.target", "clean", "clean targets", OF_SAME_NOISE),
    )


def compare(pairs: Pairs, metrics: Sequence[Metric], margin: float) -> dict[Metric, list[Effect]]:
    """The effect of each pair's first setting, in each of the metrics that both have.

    `margin` is a share of the baseline's mean. Pairs without a shared seed are left out. If some
    pairs share several seeds, those that share only one are left out as well.
    """
    found = {metric: _effects(pairs, metric, 100 * margin) for metric in metrics}
    return {metric: effects for metric, effects in found.items() if effects}


def _effects(pairs: Pairs, metric: Metric, margin: float) -> list[Effect]:
    gains = []
    for setting, baseline in pairs:
        mine, theirs = (one.values(metric.key) for one in (setting, baseline))
        shared = seeds.paired(mine, theirs)
        if level := sum(theirs[seed] for seed in shared) / max(1, len(shared)):
            gain = [100 * metric.better * each / abs(level) for each in shared.values()]
            gains.append((setting, baseline, seeds.estimate(gain)))
    gains = [one for one in gains if one[2].size > 1] or gains
    p = seeds.holm([seeds.p_value(gain) for *_, gain in gains])
    p_equivalent = seeds.holm([seeds.p_equivalent(gain, margin) for *_, gain in gains])
    return [
        Effect(*one, *ps, seeds.seeds_needed(one[2].std, margin, len(gains)))
        for one, ps in zip(gains, zip(p, p_equivalent, strict=True), strict=True)
    ]


def best(settings: Sequence[Setting], metric: Metric) -> Best | None:
    """The best of the settings; None if fewer than two have the metric.

    If some have several seeds, those with one are left out. The best setting has the best mean over
    the seeds that all settings have, or over its own seeds if they have none in common. It was
    picked from all of them, so p values are multiplied by the number of all pairs.
    """
    having = [setting for setting in settings if setting.values(metric.key)]
    having = [setting for setting in having if len(setting.values(metric.key)) > 1] or having
    if len(having) < 2:
        return None
    # Chosen on held-out images, in the best epoch, if every setting holds some out.
    held_out = [
        one.values(metric.held_out) and one.values(of_best_epoch(metric.held_out)) for one in having
    ]
    scores = held_out if all(held_out) else [one.values(metric.key) for one in having]
    common = set.intersection(*map(set, scores))
    means = [metric.better * mean([each[seed] for seed in common or each]) for each in scores]
    first = having[means.index(max(means))]
    level = LEVEL / math.comb(len(having), 2)
    alike = [one for one in having if one is not first and not _is_worse(one, first, metric, level)]
    return Best(first, alike, len(alike) < len(having) - 1)


def _is_worse(one: Setting, other: Setting, metric: Metric, level: float) -> bool:
    differences = seeds.paired(one.values(metric.key), other.values(metric.key))
    if not differences:
        return False
    found = seeds.estimate(list(differences.values()))
    return metric.better * found.mean < 0 and seeds.p_value(found) < level
