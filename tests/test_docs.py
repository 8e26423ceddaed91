"""The README and docs/: their links lead somewhere, and their commands can be typed."""

import importlib
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from denoise import data, metrics
from denoise.config import choices
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]*))?\)")
COMMAND = re.compile(r"^python -m (denoise[.\w]*)(.*)$", re.M)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text_of(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands() -> list[tuple[str, list[str]]]:
    """The module and the arguments of every command that starts a line of a page."""
    found = dict.fromkeys(match for page in PAGES for match in COMMAND.findall(text_of(page)))
    return [(module, shlex.split(arguments, comments=True)) for module, arguments in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for path, anchor in LINK.findall(text_of(page)):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_training_commands_compose(composed: Callable[..., DictConfig]) -> None:
    typed = [arguments for module, arguments in commands() if module == "denoise"]
    assert typed
    for arguments in typed:
        if "--config-dir" not in arguments:  # that folder is the reader's own
            overrides = [text.split(",")[0] for text in arguments if "=" in text]
            composed(*overrides)


def test_the_example_of_training_in_python_trains(
    settings: data.Settings, fresh_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (fresh_folder / "data").symlink_to(settings.root)
    text = text_of(ROOT / "docs" / "configuration.md")
    (code,) = [each for each in re.findall(r"```python\n(.*?)```", text, re.S) if "Trainer" in each]
    exec(code.replace("train_size=60_000", "train_size=2_000"), {})
    assert capsys.readouterr().out.count("train/loss") == 2


def test_options_of_the_other_commands_exist() -> None:
    typed = [command for command in commands() if command[0] != "denoise"]
    assert typed
    for module, arguments in typed:
        known = {
            option for each in importlib.import_module(module).main.params for option in each.opts
        }
        assert {text for text in arguments if text.startswith("--")} <= known, module


def test_contributing_lists_every_module_and_no_other() -> None:
    table = set(re.findall(r"`(\w+)`", text_of(ROOT / "CONTRIBUTING.md")))
    modules = {path.stem for path in (ROOT / "denoise").rglob("*.py")} - {"__init__"}
    assert modules <= table
    first = re.findall(r"^\| `(\w+)` \|", text_of(ROOT / "CONTRIBUTING.md"), re.M)
    assert set(first) <= modules


def rows(page: str, header: str) -> list[list[str]]:
    """The cells of each row of the table of a page that has this header."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    start = lines.index(header) + 2
    end = next(at for at in range(start, len(lines)) if not lines[at].startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end]]


def test_the_page_of_metrics_has_each_metric_and_no_other() -> None:
    cells = [row[0] for row in rows("docs/metrics.md", "| metric | logged | meaning |")]
    written = [key for cell in cells for key in re.findall(r"`([^`]+)`", cell)]
    patterns = [
        re.escape(key).replace("<corruption>", r"\w+").replace("…", ".*") for key in written
    ]
    known = [*metrics.CATALOGUE, metrics.robust("blur").key]
    assert [key for key in known if not any(re.fullmatch(one, key) for one in patterns)] == []
    groups = ("system/", "bound/")  # logged on request, and of references only
    exact = [key for key in written if not re.search("[<…]", key) and not key.startswith(groups)]
    assert [key for key in exact if not metrics.find(key)] == []


NOISES = rows("docs/configuration.md", "| noise | what it does | values and their defaults |")


@pytest.mark.parametrize(("name", "values"), [(row[0].strip("`"), row[2]) for row in NOISES])
def test_the_table_of_noises_has_the_defaults(
    composed: Callable[..., DictConfig], name: str, values: str
) -> None:
    def noise(*typed: str) -> object:
        return OmegaConf.to_container(composed(f"noise={name}", *typed), resolve=True)["noise"]

    typed = re.findall(r"`([\w.]+)=([^`]+)`", values)
    assert typed
    written = [f"noise.{key.removeprefix('noise.')}={value}" for key, value in typed]
    assert noise(*written) == noise()


def test_the_table_of_noises_has_each_noise() -> None:
    assert {row[0].strip("`") for row in NOISES} | {"none"} == set(choices("noise"))


def test_the_table_of_slurm_has_the_defaults(composed: Callable[..., DictConfig]) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    composed("hydra/launcher=slurm")
    launcher = HydraConfig.get().launcher
    for key, default, _ in rows("docs/many-machines.md", "| key | default | meaning |"):
        value = OmegaConf.select(launcher, key.strip("`").removeprefix("hydra.launcher."))
        assert default in (str(value), *(("none", "the cluster's") if value is None else ()))


def test_the_tables_of_options_have_every_option_and_no_other() -> None:
    page = text_of(ROOT / "docs" / "comparing.md")
    compare, pull = page.split("## Pull the best run")
    for module, text in (("denoise.compare", compare), ("denoise.pull", pull)):
        options = importlib.import_module(module).main.params
        known = {name for each in options for name in (*each.opts, *each.secondary_opts)}
        cells = re.findall(r"^\| (`--[^|]*) \|", text, re.M)
        written = {name for cell in cells for name in re.findall(r"--[\w-]+", cell)}
        assert written <= known
        assert known - written <= {"--list"}  # it is in a command above the table
