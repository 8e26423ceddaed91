"""The README and docs/: their links lead somewhere, and their commands can be typed."""

import importlib
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

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


def test_options_of_the_other_commands_exist() -> None:
    typed = [command for command in commands() if command[0] != "denoise"]
    assert typed
    for module, arguments in typed:
        known = {
            option for each in importlib.import_module(module).main.params for option in each.opts
        }
        assert {text for text in arguments if text.startswith("--")} <= known, module


def test_contributing_lists_every_module() -> None:
    table = set(re.findall(r"`(\w+)`", text_of(ROOT / "CONTRIBUTING.md")))
    modules = {path.stem for path in (ROOT / "denoise").rglob("*.py")} - {"__init__"}
    assert modules <= table
