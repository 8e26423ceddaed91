"""A pulled model: shapes, scaling, and that none of its files can run code."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import denoise
from denoise import apply, build, checkpoint, command, data, evaluate
from denoise.denoiser import Denoiser
from denoise.errors import UserError
from denoise.manifest import sha256
from tests.conftest import Said, pulled_from

needs_best = pytest.mark.usefixtures("copy")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def best(sweep: Said, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The best run of the shared sweep, pulled."""
    return pulled_from(sweep, tmp_path_factory.mktemp("pulled") / "best")


@pytest.fixture(scope="module")
def model(best: Path) -> Denoiser:
    return denoise.load(best)


@pytest.fixture
def copy(best: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a pulled folder for a test to change."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(best, tmp_path / "best"))


def test_a_loaded_model_has_the_loss_that_its_run_logged(
    best: Path, model: Denoiser, settings: data.Settings
) -> None:
    logged = json.loads((best / "run.json").read_text())["metrics"]
    smoke = data.load(replace(settings, train_size=4096, test_size=1024), torch.device("cpu"))
    clean = smoke.test.images
    pixels = clean / 255
    scaled = model.model(smoke.scale(clean))
    mse = (smoke.space.to_pixels(scaled).squeeze(1) - pixels).square().mean().item()
    assert mse == pytest.approx(logged["test/clean_mse"], abs=1e-6)
    noise = build.build_noise(model.config["noise"])
    pairs = evaluate.corrupted(smoke.test, smoke, noise)
    targets = evaluate.targets(pairs, noise, "corrupted")
    measured = evaluate.losses(model.model, pairs, smoke, targets)
    assert measured["loss"] == pytest.approx(logged["test/loss"], abs=1e-6)


@pytest.mark.parametrize("shape", [(28, 28), (3, 28, 28), (1, 28, 28), (3, 1, 28, 28)])
@pytest.mark.parametrize("kind", ["uint8 array", "float array", "uint8 tensor", "float tensor"])
def test_denoised_pictures_have_the_type_and_shape_of_the_input(
    model: Denoiser, shape: tuple[int, ...], kind: str
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    given = pixels if "uint8" in kind else pixels.astype(np.float32) / 255
    images = torch.from_numpy(given) if "tensor" in kind else given
    output = model.denoise(images)
    assert type(output) is type(images)
    assert output.shape == shape
    assert (output.min(), output.max()) >= (0, 0)
    assert output.max() <= 1
    np.testing.assert_allclose(np.asarray(output), model.denoise(pixels), atol=1e-6)


def test_encode_and_decode_accept_one_picture_or_a_batch(model: Denoiser) -> None:
    images = torch.rand(5, 28, 28)
    codes = model.encode(images)
    assert codes.shape == (5, 4)
    assert model.encode(images[0]).shape == (4,)
    torch.testing.assert_close(model.decode(codes), model.denoise(images))
    assert model.decode(codes[0].numpy()).shape == (28, 28)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((27, 28)), r"must have shape \(28, 28\).* got \(27, 28\)"),
        (np.zeros((2, 3, 28, 28)), r"got \(2, 3, 28, 28\)"),
        (np.zeros((0, 28, 28)), r"got \(0, 28, 28\)"),
        (np.full((28, 28), 1.5), r"floats in \[0, 1\], got .* from 1.5 to 1.5"),
        (np.zeros((28, 28), dtype=np.int64), r"must be uint8"),
        (np.full((28, 28), np.nan), r"from nan to nan"),
    ],
)
def test_wrong_images_are_refused_with_the_allowed_shapes_and_values(
    model: Denoiser, images: np.ndarray, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        model.denoise(images)


class Payload:
    def __reduce__(self) -> tuple:
        return os.system, ("touch executed",)


def _swap(path: Path, content: bytes, *, listed: bool) -> None:
    """Replace a file of a pulled folder, with or without its sum in `run.json`."""
    path.write_bytes(content)
    if listed:
        manifest = path.parents[1] / "run.json"
        known = json.loads(manifest.read_text())
        known["files"][path.relative_to(path.parents[1]).as_posix()] = sha256(path)
        manifest.write_text(json.dumps(known))


def test_a_file_changed_after_the_pull_is_refused(copy: Path) -> None:
    path = copy / "checkpoints" / "last.safetensors"
    _swap(path, path.read_bytes()[:-1] + b"!", listed=False)
    with pytest.raises(UserError, match=rf"{path} has changed since it was pulled"):
        denoise.load(copy)


def test_a_pickle_in_place_of_a_checkpoint_is_refused(copy: Path, tmp_path: Path) -> None:
    path = copy / "checkpoints" / "last.safetensors"
    _swap(path, pickle.dumps(Payload()), listed=True)
    with pytest.raises(UserError, match="is not a checkpoint of this project"):
        denoise.load(copy)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": "os.system", "command": "touch executed"},
        {
            "_target_": "denoise.model.Anello",
            "latent_dim": {"_target_": "os.system", "command": "touch executed"},
        },
    ],
)
def test_a_checkpoint_that_names_other_code_is_refused_and_runs_nothing(
    copy: Path, tmp_path: Path, node: dict
) -> None:
    path = copy / "checkpoints" / "last.safetensors"
    plain = checkpoint.load(path)[2] | {"model": node}
    save_file(load_file(path), path, {"epoch": "1", "config": json.dumps(plain)})
    _swap(path, path.read_bytes(), listed=True)
    with pytest.raises(UserError, match=r"model\.(_target_|latent_dim) must"):
        denoise.load(copy)
    assert not (tmp_path / "executed").exists()


OWN_MODEL = """
from denoise.bounds import PositiveInt
from denoise.model import Anello


class Mine(Anello):
    def __init__(self, latent_dim: PositiveInt):
        super().__init__(latent_dim)
"""


@pytest.fixture
def own(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A pulled folder whose model is a class of the user's, in a module of the current folder."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "my_models.py").write_text(OWN_MODEL)
    path = copy / "checkpoints" / "last.safetensors"
    plain = checkpoint.load(path)[2]
    plain["model"]["_target_"] = "my_models.Mine"
    save_file(load_file(path), path, {"epoch": "1", "config": json.dumps(plain)})
    _swap(path, path.read_bytes(), listed=True)
    yield copy
    sys.modules.pop("my_models", None)


def test_a_model_of_a_users_own_class_is_loaded_only_if_trusted(own: Path) -> None:
    with pytest.raises(UserError, match=r"module my_models, pass trust=\['my_models'\]"):
        denoise.load(own)
    assert "my_models" not in sys.modules
    loaded = denoise.load(own, trust=["my_models"])
    assert type(loaded.model).__name__ == "Mine"
    assert loaded.denoise(torch.rand(28, 28)).shape == (28, 28)


def test_a_trusted_module_still_has_to_define_a_model(own: Path, tmp_path: Path) -> None:
    (tmp_path / "my_models.py").write_text("from subprocess import Popen as Mine")
    with pytest.raises(UserError, match=r"must name a model, a subclass of .*'my_models\.Mine'"):
        denoise.load(own, trust=["my_models"])


HEAVY = ("mlflow", "hydra", "omegaconf", "sqlalchemy")


def test_loading_a_model_imports_neither_mlflow_nor_hydra(best: Path) -> None:
    code = f"""
import sys, denoise
denoise.load({str(best)!r})
print(sorted(set({HEAVY}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_folder_that_was_not_pulled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a pulled run: it has no readable run\.json"):
        denoise.load(tmp_path)


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["apply", *arguments])
        return command.run(apply.main, "denoise.apply"), *capfd.readouterr()

    return run


@needs_best
def test_apply_writes_a_png_for_every_picture_and_a_sheet(applied: Command) -> None:
    Image.new("RGB", (60, 40), "orange").save("big.jpg")
    Image.new("L", (28, 28), 200).save("small.png")
    status, _, err = applied("best", "big.jpg", "small.png", "--to", "out")
    assert status == 0, err
    assert {path.name for path in Path("out").iterdir()} == {"big.png", "small.png", "sheet.png"}
    assert "big.jpg: resized from 60x40 to 28x28" in err
    assert "small.png" not in err
    with Image.open("out/big.png") as picture:
        assert (picture.size, picture.mode) == ((28, 28), "L")


@needs_best
def test_apply_can_corrupt_test_images_first(applied: Command, settings: data.Settings) -> None:
    Path("data").symlink_to(settings.root)
    sample = ("best", "--sample", "6", "--noise", "gaussian")
    assert applied(*sample, "--sigma", "0.5", "--to", "noisy")[0] == 0
    assert applied("best", "--sample", "6", "--to", "clean")[0] == 0
    assert len(list(Path("noisy").iterdir())) == 7
    assert Path("noisy/sheet.png").read_bytes() != Path("clean/sheet.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("best",), "give picture files, or --sample N"),
        (("best", "missing.png"), "missing.png is not a picture that can be read"),
        (("best", "best/run.json"), "run.json is not a picture that can be read"),
        (("nowhere", "--sample", "1"), "nowhere is not a pulled run"),
        (("best", "--sample", "1", "--sigma", "1"), "--sigma is the strength of a --noise"),
        (("best", "--sample", "1", "--noise", "rain"), "--noise rain is not a choice; there are"),
    ],
)
@needs_best
def test_apply_reports_a_mistake_in_one_sentence(
    applied: Command, settings: data.Settings, arguments: tuple[str, ...], said: str
) -> None:
    Path("data").symlink_to(settings.root)
    status, _, err = applied(*arguments)
    assert status == 1
    assert said in err
    assert "Traceback" not in err
