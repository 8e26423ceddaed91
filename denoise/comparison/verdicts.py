"""What the settings say about the study's questions: significant differences, and the answers."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from denoise.comparison import seeds
from denoise.comparison.groups import NO_NOISE, Setting, clean_like, context, ladders
from denoise.comparison.seeds import Estimate
from denoise.metrics import (
    CLEAN_MSE,
    KNN_ACCURACY,
    LINEAR_ACCURACY,
    ROBUSTNESS,
    Metric,
    of_best_epoch,
)

LEVEL = 1 - seeds.CONFIDENCE
FIRST_MODEL = "anello"
# Verdicts rest on these: every run is measured on the same images, whatever its training noise.
JUDGED = (CLEAN_MSE, ROBUSTNESS, KNN_ACCURACY, LINEAR_ACCURACY)
ONE_SEED = "One seed is not enough for a verdict; rerun with seed=0,1,2,3,4."


class Difference(NamedTuple):
    """How much better `setting` is than `baseline`, in the metric's unit, paired by seed.

    `p` is corrected by Holm's method over all differences in one metric. `share` is relative to the
    mean of the baseline.
    """

    setting: Setting
    baseline: Setting
    gain: Estimate
    share: float
    p: float

    @property
    def sign(self) -> int:
        """1 if it is significantly better, -1 if significantly worse, else 0."""
        return 0 if self.p >= LEVEL else int(math.copysign(1, self.gain.mean))

    @property
    def percent(self) -> str:
        """The size of the relative difference; empty if the baseline's mean is 0."""
        size = 100 * abs(self.share)
        if math.isnan(size):
            return ""
        return "<0.1%" if 0 < size < 0.05 else f"{size:.{int(size < 10)}f}%"

    @property
    def effect(self) -> str:
        """The difference in words: 4.1% better."""
        if self.gain.mean == 0:
            return "equal"
        return f"{self.percent} {'better' if self.gain.mean > 0 else 'worse'}".strip()


class Verdict(NamedTuple):
    """What the settings show in one metric, in clauses.

    A clause is its text and its kind: better, worse, best, same or note.
    """

    metric: Metric
    clauses: list[tuple[str, str]]

    def __str__(self) -> str:
        return f"{sentence_case(self.metric.name)}: {'; '.join(text for _, text in self.clauses)}."


class Best(NamedTuple):
    """The best strength of a noise in one metric.

    The amounts of the others are in `better_than`, `worse_than` (possible if the best was chosen on
    held-out images) and, where the difference is not significant, `alike`. `seeds` is the smallest
    number of seeds behind a difference.
    """

    metric: Metric
    setting: Setting
    better_than: list[str]
    worse_than: list[str]
    alike: list[str]
    held_out: bool
    seeds: int

    @property
    def chosen_on(self) -> str:
        return f"chosen on {'held-out images' if self.held_out else 'the test set'}"

    @property
    def is_distinct(self) -> bool:
        """Whether to name it as the best: with several seeds, if any difference is significant."""
        return self.seeds == 1 or bool(self.better_than or self.worse_than)


class Question(NamedTuple):
    """A question, its answer in a sentence, and the verdicts that the answer sums up."""

    title: str
    answer: str
    verdicts: list[Verdict]


def questions(settings: Sequence[Setting]) -> list[Question]:
    """The study's questions that these settings can answer, answered."""
    asked = [_about_noise(settings), _about_amount(settings), _about_model(settings)]
    return [question for question in asked if question]


def differences(pairs: Iterable[tuple[Setting, Setting]], metric: Metric) -> list[Difference]:
    """The difference of each pair, first against second, on the seeds that they share.

    Pairs without a shared seed are left out. If some pairs share several seeds, those that share
    only one are left out as well.
    """
    found = []
    for setting, baseline in pairs:
        mine, theirs = (one.values(metric.key) for one in (setting, baseline))
        gains = [metric.better * gain for gain in seeds.paired(mine, theirs).values()]
        if gains:
            reference = seeds.estimate([theirs[seed] for seed in theirs if seed in mine]).mean
            gain, p = seeds.estimate(gains), seeds.p_value(gains)
            share = gain.mean / reference if reference else math.nan
            found.append(Difference(setting, baseline, gain, share, p))
    found = [one for one in found if one.gain.size > 1] or found
    adjusted = seeds.holm([one.p for one in found])
    return [one._replace(p=p) for one, p in zip(found, adjusted, strict=True)]


def sentence_case(text: str) -> str:
    """The text with its first letter capitalised and the others unchanged."""
    return text[:1].upper() + text[1:]


def _about_noise(settings: Sequence[Setting]) -> Question | None:
    noisy = [setting for setting in settings if not setting.is_clean]
    if not noisy:
        return None
    pairs = [(one, clean) for one in noisy for clean in clean_like(one, settings)[:1]]
    alone = [one.label for one in noisy if not clean_like(one, settings)]
    verdicts, answer = _compare(pairs, "noise", _no_noise(pairs))
    if alone:
        these = "these settings" if len(alone) == len(noisy) else _and(alone)
        answer += (
            f" There is no run without noise to compare {these} with; train one with noise=none."
        )
    return Question("Does noise help an autoencoder?", answer.strip(), verdicts)


def _no_noise(pairs: Sequence[tuple[Setting, Setting]]) -> str:
    """What to call the baseline, so that readers find its row in the table."""
    names = list(dict.fromkeys(clean.noise for _, clean in pairs))
    return "no noise" if names in ([], [NO_NOISE]) else f"no noise ({_and(names)})"


def _about_model(settings: Sequence[Setting]) -> Question | None:
    """Other models against the first one, trained on the same noise."""
    pairs = [
        (one, first)
        for one in settings
        for first in settings
        if first.facts.get("model") == FIRST_MODEL != one.facts.get("model")
        and first.without("model") == one.without("model")
        and first.facts.get("model.latent_dim") == one.facts.get("model.latent_dim")
    ]
    if not pairs:
        return None
    verdicts, answer = _compare(pairs, "another model", FIRST_MODEL)
    return Question("Does another model do better?", answer, verdicts)


def _about_amount(settings: Sequence[Setting]) -> Question | None:
    """Every noise that was trained at two strengths or more, no noise being strength 0."""
    verdicts, answers, fewest = [], [], []
    for strengths in ladders(settings):
        where = context(strengths[-1], settings)
        named = strengths[-1].facts["noise"] + (f" ({where})" if where else "")
        found = [best for metric in JUDGED if (best := _best(strengths, metric))]
        verdicts += [_on_best(best, named) for best in found]
        answers += [_amounts(found, named)] if found else []
        fewest += [best.seeds for best in found]
    if not answers:
        return None
    if set(fewest) == {1}:
        answers.append(ONE_SEED)
    return Question("How much noise is best?", " ".join(answers), verdicts)


def _compare(
    pairs: Sequence[tuple[Setting, Setting]], subject: str, baseline: str
) -> tuple[list[Verdict], str]:
    """A verdict in each metric, and the sentence that sums them up."""
    judged = {metric: found for metric in JUDGED if (found := differences(pairs, metric))}
    verdicts = [Verdict(m, _clauses(m, found, baseline)) for m, found in judged.items()]
    answer = _sum_up(judged, subject) if judged else ""
    compared = {one.setting.label for found in judged.values() for one in found}
    if left := [one.label for one, _ in pairs if one.label not in compared]:
        reason = f"because they share too few seeds or metrics with {baseline}"
        answer += f" Not compared, {reason}: {_and(left)}."
    return verdicts, answer.strip()


def _clauses(metric: Metric, found: Sequence[Difference], baseline: str) -> list[tuple[str, str]]:
    count = _fewest_seeds(found)
    if count == 1:
        return [("note", f"compared with {baseline}, one seed, no verdict: {_effects(found)}")]
    clauses = []
    for sign, word in ((1, "better"), (-1, "worse")):
        those = sorted((o for o in found if o.sign == sign), key=lambda o: -abs(o.gain.mean))
        listed = ", ".join(f"{one.setting.label} by {_by(metric, one)}" for one in those)
        text = f"significantly {word} than {baseline} ({count} seeds): {listed}"
        clauses += [(word, text)] if those else []
    unsure = [one for one in found if not one.sign]
    text = f"not significant ({count} seeds): {_effects(unsure)}"
    return [*clauses, ("same", text)] if unsure else clauses


def _sum_up(judged: Mapping[Metric, Sequence[Difference]], subject: str) -> str:
    """One sentence from the verdicts in all metrics."""
    everything = [one for found in judged.values() for one in found]
    count = _fewest_seeds(everything)
    if count == 1:
        return ONE_SEED
    said: dict[str, list[str]] = {
        "improves": [],
        "worsens": [],
        "improves or worsens": [],
        "has no significant effect on": [],
    }
    for metric, found in judged.items():
        said[_verb(found)].append(f"{metric.name}{_largest_effects(found)}")
    clauses = [f"{verb} {_and(names)}" for verb, names in said.items() if names]
    return f"{_lead(said)} {subject} {_and(clauses)} ({count} seeds)."


def _verb(found: Sequence[Difference]) -> str:
    signs = {one.sign for one in found} - {0}
    if not signs:
        return "has no significant effect on"
    return {1: "improves", -1: "worsens", 0: "improves or worsens"}[sum(signs)]


def _largest_effects(found: Sequence[Difference]) -> str:
    """The largest significant effects, and the largest of all if that is not significant."""
    by_gain = sorted(found, key=lambda one: one.gain.mean)
    better, worse = ([one for one in by_gain if one.sign == sign] for sign in (1, -1))
    ends = [*better[-1:], *worse[:1]]
    said = [f"{one.setting.label} {one.effect}" for one in ends]
    if len(ends) == 1 and len(better + worse) > 1:
        said = [f"up to {ends[0].percent} among the significant: {ends[0].setting.label}"]
    largest = max(found, key=lambda one: abs(one.gain.mean))
    if not largest.sign and largest.gain.mean:
        said.append(f"{largest.setting.label} {largest.effect}, not significant")
    return f" ({'; '.join(said)})" if said else ""


def _lead(said: Mapping[str, Sequence[str]]) -> str:
    if not (said["improves"] or said["worsens"] or said["improves or worsens"]):
        return "Not significantly:"
    other = said["worsens"] or said["has no significant effect on"]
    if said["improves or worsens"] or (said["improves"] and other):
        return "It depends on the metric:"
    return "Yes:" if said["improves"] else "No:"


def _best(strengths: Sequence[Setting], metric: Metric) -> Best | None:
    """The best strength in a metric, and how the others differ from it.

    All pairs are corrected together: the best was picked from all of them.
    """
    having = [setting for setting in strengths if setting.values(metric.key)]
    if len(having) < 2:
        return None
    chosen = [_held_out(setting, metric) for setting in having]
    held_out = all(chosen)
    scores = chosen if held_out else [setting.values(metric.key) for setting in having]
    means = [metric.better * seeds.estimate(list(s.values())).mean for s in scores]
    best = having[means.index(max(means))]
    pairs = itertools.combinations(having, 2)
    found = [one for one in differences(pairs, metric) if best in (one.setting, one.baseline)]
    others: dict[int, list[str]] = {1: [], -1: [], 0: []}
    for one in found:
        if one.setting is best:
            others[one.sign].append(one.baseline.amount)
        else:
            others[-one.sign].append(one.setting.amount)
    return Best(metric, best, others[1], others[-1], others[0], held_out, _fewest_seeds(found))


def _on_best(best: Best, named: str) -> Verdict:
    reached = best.setting.estimate(best.metric.key)
    assert reached
    value = f"{reached.shown(best.metric)} {best.metric.unit}".strip()
    clauses = [("best", f"{named}, {best.setting.amount} ({value}), {best.chosen_on}")]
    if best.seeds == 1:
        return Verdict(best.metric, [*clauses, ("note", "one seed, no verdict")])
    count = f"({best.seeds} seeds)"
    relations = {
        f"significantly better than {{}} {count}": ("better", best.better_than),
        f"significantly worse than {{}} {count}": ("worse", best.worse_than),
        "not significantly different from {}": ("same", best.alike),
    }
    for text, (kind, amounts) in relations.items():
        clauses += [(kind, text.format(_and(amounts)))] if amounts else []
    return Verdict(best.metric, clauses)


def _amounts(found: Sequence[Best], named: str) -> str:
    """The answer for one noise: its best amount in each metric."""
    by_amount: dict[tuple[str, str], list[str]] = {}
    for best in found:
        by_amount.setdefault((_short(best), _reservation(best)), []).append(best.metric.name)
    listed = "; ".join(
        f"{amount} for {_and(names)}{reservation}"
        for (amount, reservation), names in by_amount.items()
    )
    lead = "it depends on the metric" if len(by_amount) > 1 else "the same for all metrics"
    if all(best.seeds == 1 for best in found):
        lead = "best with this one seed"
    return f"With {named}, {lead}: {listed}."


def _short(best: Best) -> str:
    return best.setting.amount if best.is_distinct else "no significant difference"


def _reservation(best: Best) -> str:
    """How the best amount was chosen, and which others may be as good."""
    if not best.is_distinct:
        return ""
    alike = f"; not significantly different: {_and(best.alike)}" if best.alike else ""
    return f" ({best.chosen_on}{alike if best.seeds > 1 else ''})"


def _held_out(setting: Setting, metric: Metric) -> dict[str, float]:
    """The metric on held-out images in the best epoch; {} if no images were held out."""
    if not (metric.held_out and setting.values(metric.held_out)):
        return {}
    return setting.values(of_best_epoch(metric.held_out)) or setting.values(metric.held_out)


def _fewest_seeds(found: Sequence[Difference]) -> int:
    return min((one.gain.size for one in found), default=1)


def _effects(found: Sequence[Difference]) -> str:
    return ", ".join(f"{one.setting.label} {one.effect}" for one in found)


def _by(metric: Metric, one: Difference) -> str:
    amount = f"{metric.shown(abs(one.gain.mean))} ± {metric.shown(one.gain.margin)}"
    return f"{amount} {metric.unit}".strip() + (f" ({one.percent})" if one.percent else "")


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
