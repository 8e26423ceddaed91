"""The configs of a sweep's jobs, equal to those that Hydra's own sweeper will compose."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from types import SimpleNamespace
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf, open_dict

from denoise.config.sentence import MISTAKES, sentence
from denoise.errors import UserError


def overrides(config: DictConfig) -> list[list[str]]:
    """The overrides of every job, as Hydra's own sweeper splits them.

    If another sweeper chooses the jobs, there is one list: the typed overrides. A sweep with
    `shuffle` is in another order each time. Hydra has no public way to expand a sweep without
    launching it (its issue 2673).
    """
    typed = _typed(config)
    for each in typed:
        if "${hydra.job." in each and not each.startswith("hydra."):
            raise UserError(
                f"{each} would change when the sweep resumes, as jobs are numbered anew; type the "
                "values, as in seed=0,1,2"
            )
    if not _is_basic(config):
        return [typed]
    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    parsed = parser.parse_overrides([*params, *typed])
    jobs = list(chain(*BasicSweeper.split_arguments(parsed, max_batch_size=None)))
    if not jobs:
        raise UserError(f"{' '.join(typed)} is a sweep of no runs")
    return jobs


def check_seeds(config: DictConfig) -> None:
    """Refuse `seeds` where no sweep reads it: it would be ignored."""
    typed, params = _typed(config), OmegaConf.to_yaml(config.hydra.sweeper.get("params") or {})
    for each in typed:
        if each.startswith("seeds=") and "${seeds}" not in f"{params} {typed}":
            raise UserError(f"{each} has no effect here; type the seeds, as in -m seed=0,1,2")


def _typed(config: DictConfig) -> list[str]:
    """The overrides, with interpolations as they were typed."""
    return OmegaConf.to_container(config.hydra.overrides.task, resolve=False)  # type: ignore[return-value]


def _is_basic(config: DictConfig) -> bool:
    return bool(config.hydra.sweeper._target_.endswith(".BasicSweeper"))


def varying(jobs: Iterable[Iterable[str]]) -> set[str]:
    """The keys whose values differ between jobs, given by their overrides."""
    values: dict[str, set[str]] = {}
    for job in jobs:
        for override in job:
            values.setdefault(_key(override), set()).add(override.partition("=")[2])
    return {key for key, found in values.items() if len(found) > 1}


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def configs(config: DictConfig, jobs: Sequence[Sequence[str]]) -> Iterator[DictConfig]:
    """The config of every job. Use each before asking for the next, which may change it."""
    composer = _Composer(config, GlobalHydra.instance().config_loader())
    for number, job in enumerate(jobs):
        try:
            composed = composer.compose(job) if _is_basic(config) else config
        except (*MISTAKES, ValueError) as error:
            own, text = varying(jobs), sentence(error, job)
            run = " ".join(override for override in job if _key(override) in own)
            raise UserError(text if run in text else f"{text} (in the run {run})") from None
        yield numbered(composed, number)


def launch_only(
    jobs: Sequence[list[str]], choose: Callable[[range], dict[int, tuple[str, str]]]
) -> None:
    """Have Hydra's sweeper launch only those of the `jobs` that `choose` picks from each batch.

    `choose` returns the name and the subfolder of each picked job by its number. Hydra has no way
    to leave jobs out (its issue 3328). Its sweeper would first compose every job again, a tenth of
    a second each, to see whether that can be done; this takes the place of that check.
    """
    seen, launcher = 0, None
    nothing: Any = SimpleNamespace(launch=lambda *_, **__: [])  # launchers refuse an empty batch

    def pick(sweeper: BasicSweeper, batch: list[list[str]]) -> None:
        nonlocal seen, launcher
        numbers = range(seen, seen + len(batch))
        batch.clear()
        for number, (name, folder) in choose(numbers).items():
            own = (f"hydra.job.name={quoted(name)}", f"hydra.sweep.subdir={quoted(folder)}")
            batch.append([*jobs[number], *own])
        seen = numbers.stop
        launcher = launcher or sweeper.launcher  # an earlier batch may have been empty
        sweeper.launcher = launcher if batch else nothing

    # Hydra loads its plug-ins anew when it looks for them, so this may be another class than ours.
    for each in Plugins.instance().discover(Sweeper):
        if each.__name__ == BasicSweeper.__name__:
            each.validate_batch_is_legal = pick  # type: ignore[attr-defined]


def quoted(text: str) -> str:
    """The text as the value of an override, in which nothing is interpolated."""
    return QuotedString(text.replace("${", r"\${"), Quote.single).with_quotes()


def numbered(config: DictConfig, number: int) -> DictConfig:
    """The `config`, numbered as Hydra's launchers number it."""
    with open_dict(config):
        config.hydra.job.num, config.hydra.job.id = number, f"job_id_for_{number}"
    return config


class _Composer:
    """Composes jobs with Hydra once per choice of config groups, and then only sets values.

    That takes a hundredth of the time. Jobs with overrides of any other kind are left to Hydra.
    """

    def __init__(self, launch: DictConfig, loader: ConfigLoader) -> None:
        self.launch, self.loader = launch, loader
        self.parse = cache(OverridesParser.create(config_loader=loader).parse_override)
        self.composed: dict[tuple[str, ...], DictConfig] = {}

    def compose(self, job: Sequence[str]) -> DictConfig:
        parsed = [self.parse(text) for text in job]
        groups = self.launch.hydra.runtime.choices
        chosen = [each for each in parsed if each.key_or_group in groups]
        values = [each for each in parsed if each not in chosen]
        if not all(map(_is_plain, values)):
            return self.loader.load_sweep_config(self.launch, list(job))
        key = tuple(str(each.input_line) for each in chosen)
        if key not in self.composed:
            self.composed[key] = self.loader.load_sweep_config(self.launch, list(job))
        config = self.composed[key]
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        self._note(config, parsed)
        return config

    def _note(self, config: DictConfig, parsed: list[Override]) -> None:
        """Set the fields in which Hydra keeps a job's overrides."""
        OmegaConf.set_readonly(config.hydra, False)
        own = [each for each in parsed if not each.is_hydra_override()]
        config.hydra.overrides.task = [each.input_line for each in own]
        how = config.hydra.job.config.override_dirname
        config.hydra.job.override_dirname = get_overrides_dirname(
            own, how.exclude_keys, how.item_sep, how.kv_sep
        )


def _is_plain(override: Override) -> bool:
    """Whether the override sets an existing key to a number, a text, true, false or null."""
    value = override.value()
    is_set = override.type == OverrideType.CHANGE and override.package is None
    is_scalar = value is None or isinstance(value, str | int | float | bool)
    return is_set and is_scalar and not override.is_hydra_override() and "${" not in str(value)
