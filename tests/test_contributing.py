"""The steps of CONTRIBUTING.md, in a copy of the project, and a noise of a user's own."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from denoise import data
from tests.conftest import ROOT, SMALL, Said, clean_environment

PYTHON_M = (sys.executable, "-m", "denoise")
SCRIPT = (str(Path(sys.executable).with_name("denoise")),)  # leaves its folder off the import path
STEP = re.compile(
    r"`(denoise/\w+\.py)`.*?```python\n(.*?)```.*?`(conf/\w+/(\w+)\.yaml)`.*?```yaml\n(.*?)```",
    re.S,
)


@pytest.fixture(scope="module")
def extended(
    settings: data.Settings, tmp_path_factory: pytest.TempPathFactory, empty_store: Path
) -> Path:
    """A copy of the project with the noise and the model of CONTRIBUTING.md."""
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


def command(folder: Path, *arguments: str, program: Sequence[str] = PYTHON_M) -> Said:
    done = subprocess.run(
        [*program, *arguments],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    return Said(done.returncode, done.stdout, done.stderr, folder)


def test_an_added_noise_and_model_are_listed_by_help(extended: Path) -> None:
    said = command(extended, "--help").out
    assert "laplace" in re.search(r"^noise: .*$", said, re.M)[0]
    assert "linear" in re.search(r"^model: .*$", said, re.M)[0]


def test_an_added_noise_and_model_are_swept_and_compared(extended: Path) -> None:
    one_by_one = ("-m", "hydra/launcher=basic")
    said = command(extended, *one_by_one, *SMALL, "noise=laplace", "model=linear")
    assert said.status == 0, said.err
    assert {run.data.tags["model"] for run in said.runs("tags.noise = 'laplace'")} == {"linear"}
    (page,) = extended.glob("outputs/*/comparison.html")
    assert "laplace" in page.read_text(encoding="utf-8")


MY_NOISES = """
from dataclasses import dataclass

from denoise.bounds import NonNegative


@dataclass(frozen=True)
class Fog:
    light: NonNegative

    def __call__(self, images, *, generator):
        return images + self.light
"""


@pytest.fixture
def own(settings: data.Settings, fresh_folder: Path) -> Path:
    """A folder with a noise of the user's, outside the project."""
    (fresh_folder / "my_noises.py").write_text(MY_NOISES, encoding="utf-8")
    choice = fresh_folder / "my_conf" / "noise" / "fog.yaml"
    choice.parent.mkdir(parents=True)
    choice.write_text("_target_: my_noises.Fog\nlight: 0.5\n", encoding="utf-8")
    (fresh_folder / "data").symlink_to(settings.root)
    return fresh_folder


def test_a_users_own_noise_is_swept_by_workers_compared_and_reused(own: Path) -> None:
    typed = ("--config-dir", "my_conf", "-m", *SMALL, "trainer.epochs=1", "noise=fog")
    strengths = ("noise.light=0.1,0.2", "hydra.launcher.n_jobs=2")
    said = command(own, *typed, *strengths, program=SCRIPT)
    assert said.status == 0, said.out + said.err
    runs = said.runs("tags.noise = 'fog'")
    assert {run.info.run_name.split(" smoke")[0] for run in runs} == {
        "fog light=0.1",
        "fog light=0.2",
    }
    assert {run.info.status for run in runs} == {"FINISHED"}
    (page,) = own.glob("outputs/*/comparison.html")
    assert "light=0.2" in page.read_text(encoding="utf-8")
    again = command(own, *typed, *strengths, program=SCRIPT)
    assert again.status == 0, again.out + again.err
    assert len(again.runs("tags.noise = 'fog'")) == len(runs)


def test_a_bad_value_of_a_users_own_noise_is_reported_in_one_sentence(own: Path) -> None:
    said = command(own, "--config-dir", "my_conf", "noise=fog", "noise.light=-1", program=SCRIPT)
    assert said.status == 1
    assert said.err.strip() == "denoise: noise.light must be a finite number >= 0, got -1"
