"""What CONTRIBUTING.md says, followed literally in a copy of the project."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from denoise import data
from tests.conftest import ROOT, SMALL, Said, clean_environment

STEP = re.compile(
    r"`(denoise/\w+\.py)`.*?```python\n(.*?)```.*?`(conf/\w+/(\w+)\.yaml)`.*?```yaml\n(.*?)```",
    re.S,
)


@pytest.fixture(scope="module")
def extended(
    settings: data.Settings, tmp_path_factory: pytest.TempPathFactory, empty_store: Path
) -> Path:
    """A copy of the project with the noise and the model that the text adds."""
    folder = tmp_path_factory.mktemp("extended")
    for part in ("denoise", "conf"):
        shutil.copytree(ROOT / part, folder / part)
    (folder / "data").symlink_to(settings.root)
    shutil.copy(empty_store, folder)
    steps = STEP.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert [choice for *_, choice, _ in steps] == ["laplace", "linear"]
    for module, code, config, _, values in steps:
        with (folder / module).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{code}")
        (folder / config).write_text(values, encoding="utf-8")
    return folder


def command(folder: Path, *arguments: str) -> Said:
    done = subprocess.run(
        [sys.executable, "-m", "denoise", *arguments],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    return Said(done.returncode, done.stdout, done.stderr, folder)


def test_what_is_added_is_in_help(extended: Path) -> None:
    said = command(extended, "--help").out
    assert "laplace" in re.search(r"^noise: .*$", said, re.M)[0]
    assert "linear" in re.search(r"^model: .*$", said, re.M)[0]


def test_what_is_added_sweeps_and_is_compared(extended: Path) -> None:
    one_by_one = ("-m", "hydra/launcher=basic")
    said = command(extended, *one_by_one, *SMALL, "noise=laplace", "model=linear")
    assert said.status == 0, said.err
    assert {run.data.tags["model"] for run in said.runs("tags.noise = 'laplace'")} == {"linear"}
    (page,) = extended.glob("outputs/*/comparison.html")
    assert "laplace" in page.read_text(encoding="utf-8")
