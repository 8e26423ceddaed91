"""Which code a run belongs to."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from denoise import data
from denoise.errors import UserError
from denoise.runs import code
from tests.conftest import SMALL, Said


def test_a_checkout_is_changed_by_files_of_code_and_config_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*command: str) -> None:
        author = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        subprocess.run(["git", *author, *command], cwd=tmp_path, check=True)

    def is_dirty() -> str:
        code.tags.cache_clear()
        return code.tags()["git.dirty"]

    here = tmp_path / "denoise" / "runs" / "code.py"
    here.parent.mkdir(parents=True)
    here.touch()
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    monkeypatch.setattr(code, "__file__", str(here))
    assert is_dirty() == "false"
    (tmp_path / "photo.png").touch()
    assert is_dirty() == "false"
    (tmp_path / "conf" / "noise").mkdir(parents=True)
    (tmp_path / "conf" / "noise" / "laplace.yaml").touch()
    assert is_dirty() == "true"
    code.tags.cache_clear()


def test_workers_on_other_machines_need_the_same_version_but_not_the_same_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(code.VARIABLE, "")  # restored afterwards
    monkeypatch.setattr(code, "tags", lambda: {"git.commit": "one"})
    code.pass_on()
    monkeypatch.setattr(code, "tags", lambda: {"git.commit": "two"})
    code.check()
    monkeypatch.setattr(code.importlib.metadata, "version", lambda _: "0.0.1")
    with pytest.raises(UserError, match=r"has version 0\.0\.1 of denoise, and the machine of the"):
        code.check()


def test_a_run_on_a_machine_with_another_version_fails_before_training(
    cli: Callable[..., Said], settings: data.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(code.VARIABLE, "0.0.1")
    said = cli(*SMALL, f"data.root={settings.root}")
    assert said.status == 1
    assert "and the machine of the command 0.0.1" in said.out
    assert "train/loss" not in said.out
    assert said.runs("") == []


def test_a_changed_class_of_the_users_own_is_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(code, "tags", lambda: {"version": "1"})
    path = tmp_path / "my_fog.py"
    path.write_text("class Fog: pass\n", encoding="utf-8")
    inner = {"_target_": "my_fog.Fog", "light": 1}
    plain = {"noise": {"_target_": "denoise.noise.Mixture", "noises": {"fog": inner}}}
    trained = code.tags() | code.tags_of_classes(plain)
    path.write_text("class Fog: light = 2\n", encoding="utf-8")
    assert not code.differs(trained, plain)  # this process has imported the other
    code._sha256.cache_clear()
    assert code.differs(trained, plain)
    assert not code.differs(trained, {"noise": {"_target_": "denoise.noise.Identity"}})
