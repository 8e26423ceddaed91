"""The package as a user installs it: built as a wheel, used in a folder outside the checkout."""

import os
import shutil
import site
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from denoise import data
from tests.conftest import ROOT, SMALL, clean_environment

Run = Callable[..., str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built in a copy because setuptools packs stale files of an earlier build/."""
    source = tmp_path_factory.mktemp("source")
    for folder in ("conf", "denoise"):
        shutil.copytree(ROOT / folder, source / folder)
    for file in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / file, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", source / "dist", source)
    (built,) = (source / "dist").glob("denoise-*.whl")
    return built


@pytest.fixture(scope="module")
def run(wheel: Path, settings: data.Settings, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a command of an environment with the wheel and the locked packages, in a new folder."""
    folder = tmp_path_factory.mktemp("installed")
    environment, workplace = folder / "venv", folder / "work"
    venv.create(environment)
    python = environment / "bin" / "python"
    pip("--python", python, "install", "--no-deps", wheel)
    # Python reads no .pth file in a folder that a .pth file names: the editable install is hidden.
    packages = sysconfig.get_path("purelib", vars={"base": str(environment)})
    (Path(packages) / "locked.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    workplace.mkdir()
    (workplace / "data").symlink_to(settings.root)
    kept = {k: v for k, v in clean_environment().items() if k != "PYTHONPATH"}
    kept["PATH"] = f"{environment / 'bin'}{os.pathsep}{kept['PATH']}"

    def run_command(*command: str) -> str:
        done = subprocess.run(command, cwd=workplace, env=kept, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run_command


def pip(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


def test_wheel_contains_every_file_of_the_package_and_of_conf(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    code = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "denoise").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    values = {f"denoise/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert packed == code | values


def test_installed_commands_work_outside_the_checkout(run: Run) -> None:
    where = run("python", "-c", "import denoise; print(denoise.__file__)")
    assert not Path(where.strip()).is_relative_to(ROOT)
    run("python", "-m", "denoise", *SMALL)
    run("python", "-m", "denoise", "-m", *SMALL, "trainer.epochs=1", "noise=none,gaussian")
    assert "comparison.html" in run("denoise-compare")
    assert "pulled into best" in run("denoise-pull", "--register", "mine")
    run("denoise-apply", "models:/mine@best", "--sample", "2", "--to", "registered")
    run("denoise-apply", "best", "--sample", "2", "--noise", "gaussian", "--sigma", "0.5")
    shape = "import denoise, numpy; print(denoise.load('best').encode(numpy.zeros((2, 28, 28))))"
    assert run("python", "-c", shape).count("[") == 3  # an array of two codes
    databases = run("python", "-c", "import pathlib; print(*pathlib.Path().glob('mlflow.db*'))")
    assert set(databases.split()) == {"mlflow.db", "mlflow.db.lock"}  # nothing to be merged is left
