"""Runs into settings, settings into verdicts: what the study's questions are answered with."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import NamedTuple

from denoise import noise
from denoise.comparison import seeds
from denoise.comparison.seeds import Estimate
from denoise.config import identity
from denoise.tracking.search import Found

LEVEL = 1 - seeds.CONFIDENCE
FIRST_MODEL = "anello"
NO_NOISE = "none"
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ONE_SEED = "one seed"


class Measure(NamedTuple):
    """A figure of a run. `better` is 1 where a large one is good, -1 where a small one is.

    `held_out` is the same figure on the images held out for choosing, where a run has it.
    """

    key: str
    name: str
    unit: str = ""
    better: int = 0
    digits: int = 4
    held_out: str = ""

    def shown(self, value: float) -> str:
        return f"{value:,.{self.digits}f}"

    def margin(self, found: Estimate) -> str:
        """What stands behind ±; empty for one seed, and where all seeds agree."""
        return self.shown(found.margin) if found.margin > 0 else ""

    def with_interval(self, found: Estimate) -> str:
        return " ± ".join(filter(None, (self.shown(found.mean), self.margin(found))))


# What a verdict is given on: the same images for every run, so that it is a fair one.
JUDGED = (
    Measure("test/clean_mse", "reconstruction", "MSE", -1, digits=5, held_out="clean_mse"),
    Measure("robust/mean_mse", "robustness", "MSE", -1, digits=5),
    Measure("latent/knn_accuracy", "the code's kNN accuracy", "", 1),
    Measure("latent/linear_accuracy", "the code's linear accuracy", "", 1),
)
# Each run has its own noise to remove, and less of it is easier: to be read, not ranked.
OWN_NOISE = Measure("test/denoise_mse", "own noise removed", "MSE", -1, digits=5)
SHOWN = (
    *JUDGED[:1],
    OWN_NOISE,
    *JUDGED[1:],
    Measure("test/psnr", "PSNR", "dB", 1, digits=2),
    Measure("test/ssim", "SSIM", "", 1),
    Measure("latent/silhouette", "silhouette", "", 1),
    Measure("latent/trustworthiness", "trustworthiness", "", 1),
    Measure("model/parameters", "parameters", "", 0, digits=0),
    Measure("time/epoch_seconds", "epoch", "s", -1, digits=2),
    Measure("time/run_seconds", "run", "s", -1, digits=0),
)


@dataclass(frozen=True)
class Setting:
    """Runs that differ in nothing but the seed, which is their key; newest run of a seed only.

    `facts` are the values that make their figures; `label` says those in which it differs from
    the other settings compared; `noise` its kind and strength alone.
    """

    label: str
    noise: str
    facts: dict[str, str]
    runs: dict[str, Found]

    @property
    def strength(self) -> float:
        """How strong the noise is, in its own unit; 0 without noise, nan if nothing says it."""
        if self.facts.get("noise") == NO_NOISE:
            return 0.0
        key = _strength_key(self.facts)
        return _number(self.facts.get(key, "")) if key else math.nan

    @property
    def is_clean(self) -> bool:
        """Whether it trains without noise, be it by name or by a Gaussian noise of σ = 0."""
        return self.strength == 0 and _number(self.facts.get("noise.mean", "0")) == 0

    def without(self, *groups: str) -> dict[str, str]:
        """The facts that are not of these config groups."""
        return {k: v for k, v in self.facts.items() if k.partition(".")[0] not in groups}

    def values(self, metric: str) -> dict[str, float]:
        """The metric of each seed that has it."""
        return {s: run.metrics[metric] for s, run in self.runs.items() if metric in run.metrics}

    def estimate(self, metric: str) -> Estimate | None:
        values = list(self.values(metric).values())
        return seeds.estimate(values) if values else None


class Difference(NamedTuple):
    """What `setting` is better by than `baseline`, in the measure's unit, paired by seed.

    `p` is Holm's, over all that it was judged together with; `share` is of the baseline's mean.
    """

    setting: Setting
    baseline: Setting
    gain: Estimate
    share: float
    p: float

    @property
    def sign(self) -> int:
        """1 if it is better, -1 if it is worse, 0 if these seeds cannot tell."""
        return 0 if self.p >= LEVEL else int(math.copysign(1, self.gain.mean))


class Verdict(NamedTuple):
    """What is said of one measure, in clauses: better, worse, best, same or note, and the text."""

    measure: Measure
    clauses: list[tuple[str, str]]

    def __str__(self) -> str:
        return f"{sentence_case(self.measure.name)}: {'; '.join(text for _, text in self.clauses)}."


class Best(NamedTuple):
    """The best strength in a measure; the amounts told apart from it, and those not, by `seeds`."""

    measure: Measure
    setting: Setting
    apart: list[str]
    alike: list[str]
    held_out: bool
    seeds: str


class Question(NamedTuple):
    """A question, its answer in a sentence, and the verdicts that the answer comes from."""

    title: str
    answer: str
    verdicts: list[Verdict]


def group(runs: Iterable[Found]) -> list[Setting]:
    """The settings among `runs`, given newest first: by all else, no noise first, then strength."""
    grouped: dict[tuple[tuple[str, str], ...], dict[str, Found]] = {}
    for run in runs:
        facts = tuple(sorted(_facts(run).items()))
        grouped.setdefault(facts, {}).setdefault(run.params.get("seed", ""), run)
    described = [(dict(facts), seeds) for facts, seeds in grouped.items()]
    said = _said([facts for facts, _ in described])
    of_noise, others = ([k for k in said if _is_noise(k) == wanted] for wanted in (True, False))

    def place(setting: Setting) -> tuple[object, ...]:
        kind, strength = setting.facts["noise"], setting.strength
        context = [setting.facts.get(key, "") for key in others]
        return context, kind != NO_NOISE, kind, math.isnan(strength), strength, setting.label

    settings = [
        Setting(_label(facts, said), _label(facts, of_noise), facts, seeds)
        for facts, seeds in described
    ]
    return sorted(settings, key=place)


def questions(settings: Sequence[Setting]) -> list[Question]:
    """The questions that these settings can be asked, answered."""
    asked = [_about_noise(settings), _about_amount(settings), _about_model(settings)]
    return [question for question in asked if question]


def differences(pairs: Iterable[tuple[Setting, Setting]], measure: Measure) -> list[Difference]:
    """Of each pair the first against the second, on the seeds they share; judged together.

    A pair that shares no seed is left out; so is one with a single seed, where others have more.
    """
    found = []
    for setting, baseline in pairs:
        mine, theirs = (one.values(measure.key) for one in (setting, baseline))
        gains = [measure.better * gain for gain in seeds.paired(mine, theirs).values()]
        if gains:
            reference = seeds.estimate([theirs[seed] for seed in theirs if seed in mine]).mean
            gain, p = seeds.estimate(gains), seeds.p_value(gains)
            share = gain.mean / reference if reference else math.nan
            found.append(Difference(setting, baseline, gain, share, p))
    found = [one for one in found if one.gain.size > 1] or found
    adjusted = seeds.holm([one.p for one in found])
    return [one._replace(p=p) for one, p in zip(found, adjusted, strict=True)]


def sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


def _about_noise(settings: Sequence[Setting]) -> Question | None:
    noisy = [setting for setting in settings if not setting.is_clean]
    if not noisy:
        return None
    pairs = [(one, clean) for one in noisy for clean in _clean_like(one, settings)[:1]]
    lost = [one.label for one in noisy if not _clean_like(one, settings)]
    verdicts, answer = _compare(pairs, "noise", "no noise")
    if lost:
        those = "any of these settings" if len(lost) == len(noisy) else _and(lost)
        answer += f" There is no run without noise to compare {those} with: noise=none makes one."
    return Question("Does noise help an autoencoder?", answer.strip(), verdicts)


def _about_model(settings: Sequence[Setting]) -> Question | None:
    """Other models against the first one, on the same noise."""
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
    """Every noise that comes in two strengths or more, no noise being the strength of 0."""
    verdicts, answers = [], []
    for strengths in _ladders(settings):
        where = _label(strengths[-1].facts, _contexts(settings))
        named = strengths[-1].facts["noise"] + (f" ({where})" if where else "")
        found = [best for measure in JUDGED if (best := _best(strengths, measure))]
        verdicts += [_on_best(best, named) for best in found]
        answers += [_amounts(found, named)] if found else []
    if not answers:
        return None
    return Question("How much noise is best?", " ".join(answers), verdicts)


def _compare(
    pairs: Sequence[tuple[Setting, Setting]], subject: str, baseline: str
) -> tuple[list[Verdict], str]:
    """A verdict on each measure, and the sentence that sums them up."""
    judged = {m: found for m in JUDGED if (found := differences(pairs, m))}
    verdicts = [Verdict(m, _clauses(m, found, baseline)) for m, found in judged.items()]
    answer = _sum_up(judged, subject) if judged else ""
    told = {one.setting.label for found in judged.values() for one in found}
    if left := [one.label for one, _ in pairs if one.label not in told]:
        answer += f" Not compared, for want of shared seeds and figures: {_and(left)}."
    return verdicts, answer.strip()


def _clauses(measure: Measure, found: Sequence[Difference], baseline: str) -> list[tuple[str, str]]:
    seeds = _seeds(found)
    if seeds == ONE_SEED:
        said = [f"{one.setting.label} {_signed(measure, one)}" for one in found]
        return [("note", f"against {baseline}, on one seed: {', '.join(said)}; no verdict")]
    clauses = []
    for sign, word in ((1, "better"), (-1, "worse")):
        those = sorted((o for o in found if o.sign == sign), key=lambda o: -abs(o.gain.mean))
        listed = ", ".join(f"{one.setting.label} by {_by(measure, one)}" for one in those)
        clauses += [(word, f"{word} than {baseline}: {listed} ({seeds})")] if those else []
    same = [one.setting.label for one in found if not one.sign]
    return clauses + (
        [("same", f"no difference that {seeds} can show: {_and(same)}")] if same else []
    )


def _sum_up(judged: Mapping[Measure, Sequence[Difference]], subject: str) -> str:
    """One sentence from the verdicts on all measures."""
    everything = [one for found in judged.values() for one in found]
    if _seeds(everything) == ONE_SEED:
        return (
            "One seed cannot tell: another would move the figures too. "
            "Several seeds give a verdict: seed=0,1,2,3,4."
        )
    parts: dict[str, list[str]] = {"improves": [], "worsens": [], "changes": [], "same": []}
    for measure, found in judged.items():
        told = sorted((one for one in found if one.sign), key=lambda one: one.gain.mean)
        signs = {one.sign for one in told}
        if not told:
            parts["same"].append(measure.name)
        elif len(signs) == 1:
            verb, most = ("improves", told[-1]) if signs == {1} else ("worsens", told[0])
            parts[verb].append(f"{measure.name} (up to {_share(most)}: {most.setting.label})")
        else:
            best, worst = (f"{end.setting.label} {_share(end)}" for end in (told[-1], told[0]))
            parts["changes"].append(f"{measure.name} ({best} better, {worst} worse)")
    same = f"makes no difference that {_seeds(everything)} can show to"
    verbs = {"changes": "improves or worsens", "same": same}
    said = [f"{verbs.get(verb, verb)} {_and(names)}" for verb, names in parts.items() if names]
    return f"{_lead(parts)} {subject} {_and(said)}."


def _lead(parts: Mapping[str, Sequence[str]]) -> str:
    if not (parts["improves"] or parts["worsens"] or parts["changes"]):
        return "These seeds cannot tell:"
    if parts["changes"] or (parts["improves"] and (parts["worsens"] or parts["same"])):
        return "It depends on what is asked:"
    return "Yes:" if parts["improves"] else "No:"


def _best(strengths: Sequence[Setting], measure: Measure) -> Best | None:
    """The best strength in a measure, and which others cannot be told from it.

    All pairs are judged together, so that the best is not flattered by having been picked.
    """
    having = [setting for setting in strengths if setting.values(measure.key)]
    if len(having) < 2:
        return None
    chosen = [_held_out(setting, measure) for setting in having]
    held_out = all(chosen)
    scores = chosen if held_out else [setting.values(measure.key) for setting in having]
    means = [measure.better * seeds.estimate(list(s.values())).mean for s in scores]
    best = having[means.index(max(means))]
    pairs = itertools.combinations(having, 2)
    found = [one for one in differences(pairs, measure) if best in (one.setting, one.baseline)]
    others: tuple[list[str], list[str]] = ([], [])
    for one in found:
        other = one.setting if one.baseline is best else one.baseline
        others[one.sign == 0].append(_amount(other))
    return Best(measure, best, *others, held_out, _seeds(found))


def _on_best(best: Best, named: str) -> Verdict:
    reached = best.setting.estimate(best.measure.key)
    assert reached
    figure = f"{best.measure.with_interval(reached)} {best.measure.unit}".strip()
    on = "held-out images" if best.held_out else "the test set"
    clauses = [("best", f"{named}, {_amount(best.setting)} ({figure}), chosen on {on}")]
    if best.seeds == ONE_SEED:
        return Verdict(best.measure, [*clauses, ("note", "on one seed; no verdict")])
    if best.apart:
        clauses.append(("better", f"told apart from {_and(best.apart)} by {best.seeds}"))
    if best.alike:
        clauses.append(("same", f"not distinguishable from {_and(best.alike)}"))
    return Verdict(best.measure, clauses)


def _amounts(found: Sequence[Best], named: str) -> str:
    """The answer for one noise: the best amount in each measure."""
    by_amount: dict[str, list[str]] = {}
    for best in found:
        by_amount.setdefault(_short(best), []).append(best.measure.name)
    lead = "it depends on the measure" if len(by_amount) > 1 else "the same for all measures"
    if all(best.seeds == ONE_SEED for best in found):
        lead = "one seed cannot tell, and was best at"
    listed = "; ".join(f"{amount} for {_and(names)}" for amount, names in by_amount.items())
    return f"With {named}, {lead}: {listed}."


def _short(best: Best) -> str:
    amount = _amount(best.setting)
    if best.seeds == ONE_SEED or not best.alike:
        return amount
    if not best.apart:
        return f"any ({best.seeds} cannot tell)"
    return f"{amount} (or {_and(best.alike, 'or')}: {best.seeds} cannot tell)"


def _held_out(setting: Setting, measure: Measure) -> dict[str, float]:
    """The measure on held-out images, of the epoch that was kept; {} where none were held out."""
    if not (measure.held_out and setting.values(f"val/{measure.held_out}")):
        return {}
    return setting.values(f"best/{measure.held_out}") or setting.values(f"val/{measure.held_out}")


def _ladders(settings: Sequence[Setting]) -> list[list[Setting]]:
    """The settings alike but for their noise's strength, weakest first, none at all before it."""
    rungs: dict[tuple[object, ...], list[Setting]] = {}
    for setting in settings:
        key = _strength_key(setting.facts)
        if key and setting.strength > 0:
            alike = tuple(sorted(item for item in setting.facts.items() if item[0] != key))
            rungs.setdefault(alike, []).append(setting)
    return [_clean_like(one[0], settings)[:1] + one for one in rungs.values() if len(one) > 1]


def _clean_like(setting: Setting, settings: Sequence[Setting]) -> list[Setting]:
    """The settings without noise that are like this one in all else, the one so named first."""
    others = setting.without("noise")
    return [one for one in settings if one.is_clean and one.without("noise") == others]


def _amount(setting: Setting) -> str:
    return setting.noise.partition(" ")[2] or setting.noise


def _contexts(settings: Sequence[Setting]) -> list[str]:
    """The keys besides the noise's in which the settings differ."""
    return [key for key in _said([one.facts for one in settings]) if not _is_noise(key)]


def _facts(run: Found) -> dict[str, str]:
    """What makes a run's figures: its params, and its choices by name."""
    params = {k: _plain(v) for k, v in run.params.items() if identity.matters(k, v)}
    return {group: run.tags.get(group, "") for group in ("noise", "protocol", "model")} | params


def _said(facts: Sequence[Mapping[str, str]]) -> list[str]:
    """Keys enough to tell the settings apart: choices first, and none that another implies."""
    keys = sorted({key for one in facts for key in one}, key=_rank)
    strengths = {_strength_key(one) for one in facts}
    said = ["noise", *(key for key in keys if key in strengths)]

    def told_apart(by: Sequence[str]) -> int:
        return len({tuple(one.get(key, "") for key in by) for one in facts})

    for key in keys:
        if key not in said and told_apart([*said, key]) > told_apart(said):
            said.append(key)
    return said


def _rank(key: str) -> tuple[bool, bool, str]:
    return not _is_noise(key), "." in key, key


def _is_noise(key: str) -> bool:
    return key.partition(".")[0] == "noise"


def _label(facts: Mapping[str, str], keys: Iterable[str]) -> str:
    return " ".join(_word(key, facts[key]) for key in keys if facts.get(key))


def _word(key: str, value: str) -> str:
    return identity.spelled(key, value) if "." in key else value


def _strength_key(facts: Mapping[str, str]) -> str:
    """The param that a noise's class declares first, as it is the one that names its runs."""
    kind = getattr(noise, facts.get("noise._target_", "").rpartition(".")[2], None)
    declared = fields(kind) if is_dataclass(kind) else ()
    return f"noise.{declared[0].name}" if declared else ""


def _plain(value: str) -> str:
    """A number as itself, since 1 and 1.0 are the same setting."""
    number = _number(value)
    return value if math.isnan(number) else f"{number:g}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _seeds(found: Sequence[Difference]) -> str:
    """How many seeds the least founded of these differences rests on, in words."""
    count = min((one.gain.size for one in found), default=1)
    word = WORDS[count] if count < len(WORDS) else str(count)
    return f"{word} seed{'s' * (count != 1)}"


def _by(measure: Measure, one: Difference) -> str:
    amount = f"{measure.shown(abs(one.gain.mean))} ± {measure.shown(one.gain.margin)}"
    return f"{amount} {measure.unit}".strip() + f" ({_share(one)})"


def _signed(measure: Measure, one: Difference) -> str:
    change = measure.better * one.gain.mean
    sign = "+" if change >= 0 else "−"
    return f"{sign}{measure.shown(abs(change))} {measure.unit}".strip()


def _share(one: Difference) -> str:
    percent = 100 * abs(one.share)
    return f"{percent:.{int(percent < 10)}f}%"


def _and(words: Sequence[str], link: str = "and") -> str:
    return f" {link} ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
