"""A run repeated from its own saved config."""

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from denoise import data
from tests.conftest import SMALL, Said

Cli = Callable[..., Said]


@pytest.fixture
def original(cli: Cli, settings: data.Settings) -> Path:
    """The config folder of a finished run with choices, values and a deleted key of its own."""
    mine = ("noise=random_erasing", "noise.p=0.25", "model=mlp", "seed=3", "protocol=fair")
    mine = (*mine, "data.holdout=100", "~evaluation.robust.blur", "trainer.epochs=1")
    said = cli(*SMALL, *mine, f"data.root={settings.root}")
    assert said.status == 0, said.err
    (folder,) = said.folder.glob("outputs/*/config")
    return folder


def trained(said: Said) -> dict[str, str]:
    """The parameters of the newest run, which must have trained, and its noise."""
    assert said.status == 0, said.out + said.err
    run = said.runs("tags.noise != ''")[0]
    return run.data.params | {"choice": run.data.tags["noise"]}


def test_a_run_is_repeated_from_its_own_config(cli: Cli, original: Path) -> None:
    first = trained(Said(0, "", "", Path.cwd()))
    said = cli("-cp", str(original), "-cn", "config")
    assert (said.status, "│ REUSED" in said.out) == (0, True), said.err
    said = cli("-cp", str(original.relative_to(Path.cwd())), "noise.p=0.5")
    assert trained(said) == first | {"noise.p": "0.5"}
    assert "random_erasing p=0.5" in said.out


def test_a_choice_replaces_the_saved_one_also_in_a_sweep(cli: Cli, original: Path) -> None:
    sweep = ("-m", "hydra/launcher=basic", "noise=none,masking")
    said = cli("-cp", str(original), "-cn", "config", *sweep)
    assert said.status == 0, said.err
    runs = said.runs("tags.noise != 'random_erasing' and tags.noise != ''")
    assert {run.data.params["noise._target_"] for run in runs} == {
        "denoise.noise.Identity",
        "denoise.noise.Masking",
    }
    assert {run.data.params["model._target_"] for run in runs} == {"denoise.model.Mlp"}


def test_a_pulled_config_is_repeated_elsewhere_with_the_data_of_the_package(
    cli: Cli, original: Path, settings: data.Settings
) -> None:
    path = original / "config.yaml"
    config = OmegaConf.load(path)
    config.data.root = "/not/on/this/machine"
    OmegaConf.save(config, path)
    elsewhere = Path.cwd() / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "data").symlink_to(settings.root)
    said = cli("-cp", str(original), "-cn", "config", folder=elsewhere)
    assert trained(said)["data.root"] == str(elsewhere / "data")


def test_a_saved_config_that_is_not_there_is_named_as_typed(cli: Cli) -> None:
    said = cli("-cp", "outputs/lost/config", "-cn", "config")
    assert said.status == 1
    assert "denoise: outputs/lost/config/config.yaml does not exist" in said.err


@pytest.mark.parametrize(
    "typed", ["protocol=study", "experiment=structures", "trainer=smoke", "data=mnist"]
)
def test_what_would_undo_a_part_of_the_protocol_is_not_combined_with_a_saved_config(
    cli: Cli, original: Path, typed: str
) -> None:
    said = cli("-cp", str(original), "-cn", "config", typed)
    assert said.status == 1
    assert f"{typed.partition('=')[0]} cannot be chosen with a saved config" in said.err


def test_what_an_earlier_command_composed_has_no_effect(cli: Cli, original: Path) -> None:
    typed = ("-cp", str(original), "-cn", "config")
    assert cli(*typed).status == 0
    (made,) = Path.cwd().glob("outputs/.configs/*/config.yaml")
    made.write_text(made.read_text() + "nonsense: 1\n")
    said = cli(*typed)
    assert said.status == 0, said.err


def refusal(cli: Cli, original: Path, key: str, value: object) -> str:
    """What the command says of a saved config in which `key` has been set to `value`."""
    path = original / "config.yaml"
    config = OmegaConf.load(path)
    OmegaConf.update(config, key, value, merge=False)
    OmegaConf.save(config, path)
    said = cli("-cp", str(original), "-cn", "config")
    assert said.status == 1
    return said.err


@pytest.mark.parametrize(("key", "value"), [("noise", None), ("trainer", [1]), ("data", "here")])
def test_a_saved_config_with_something_else_for_a_group_is_named(
    cli: Cli, original: Path, key: str, value: object
) -> None:
    wrong = f"{original}/config.yaml is not a saved config: {key} is not a group of settings"
    assert wrong in refusal(cli, original, key, value)


def test_a_config_with_another_key_is_named_and_never_composed(cli: Cli, original: Path) -> None:
    """A hydra section could name callbacks and log handlers, which Hydra would create."""
    callback = {"_target_": "pathlib.Path.touch", "self": "made"}
    said = refusal(cli, original, "hydra", {"callbacks": {"x": callback}})
    assert f"{original}/config.yaml is not a saved config: it has the key hydra" in said


def test_a_config_whose_groups_have_defaults_is_refused(cli: Cli, original: Path) -> None:
    """They would let another group set keys of Hydra itself."""
    said = refusal(cli, original, "noise.defaults", [{"/model@_global_": "mlp"}, "_self_"])
    assert "config.yaml has the key defaults, and saved configs have none" in said


@pytest.mark.parametrize("key", ["noise.p", "evaluation.robust", "trainer.epochs"])
def test_a_config_with_interpolations_is_refused(cli: Cli, original: Path, key: str) -> None:
    """Resolved, they could name foreign code, which is only seen where it is not."""
    foreign = "${oc.create:{a:{_target_:subprocess.Popen}}}"
    said = refusal(cli, original, key, foreign)
    assert f"config.yaml has '{foreign}', and saved configs have no interpolations" in said


@pytest.mark.parametrize("key", ["noise", "evaluation.robust.clean"])
@pytest.mark.parametrize("target", ["subprocess.Popen", "denoise.runs.plan.joblib.load"])
def test_a_config_that_names_foreign_code_is_refused(
    cli: Cli, original: Path, key: str, target: str
) -> None:
    said = refusal(cli, original, f"{key}._target_", target)
    assert f"config.yaml names {target}, which is not of this package" in said


def test_an_interpolation_in_a_list_of_a_config_is_refused(cli: Cli, original: Path) -> None:
    foreign = "${oc.create:{a:{_target_:subprocess.Popen}}}"
    said = refusal(cli, original, "noise.scale", [foreign, 0.33])
    assert f"config.yaml has '{foreign}', and saved configs have no interpolations" in said


def test_a_class_in_a_list_of_a_config_is_refused(cli: Cli, original: Path) -> None:
    said = refusal(cli, original, "noise.scale", [{"_target_": "subprocess.Popen"}, 0.33])
    assert "config.yaml names subprocess.Popen, which is not of this package" in said
