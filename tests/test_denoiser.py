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
from torch import Tensor

import denoise
from denoise import apply, build, checkpoint, command, data, denoiser, evaluate
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
    batches = evaluate.corrupted(smoke.test, smoke, noise, "corrupted")
    measured = evaluate.losses(model.model, batches, smoke)
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


IMAGES = np.random.default_rng(0).random((3, 28, 28), dtype=np.float32)
# The same pixels, as numpy and torch may hold them.
ARRAYS = {
    "float16": IMAGES.astype(np.float16),
    "float64": IMAGES.astype(np.float64),
    "big endian": IMAGES.astype(">f4"),
    "little endian": IMAGES.astype("<f8"),
    "Fortran order": np.asfortranarray(IMAGES),
    "mirrored": IMAGES[:, :, ::-1],
    "reversed": IMAGES[::-1, ::-1],
    "transposed": IMAGES.transpose(0, 2, 1),
    "every second": np.repeat(IMAGES, 2, axis=0)[::2],
    "broadcast": np.broadcast_to(IMAGES[0], (3, 28, 28)),
    "bool": IMAGES > 0.5,
    "two levels": (IMAGES > 0.5).astype(np.float32),
    "read only": np.frombuffer(IMAGES.tobytes(), np.float32).reshape(3, 28, 28),
}
TENSORS = {
    "float16": torch.tensor(IMAGES).half(),
    "bfloat16": torch.tensor(IMAGES).bfloat16(),
    "float8": torch.tensor(IMAGES).to(torch.float8_e4m3fn),
    "float64": torch.tensor(IMAGES).double(),
    "bool": torch.tensor(IMAGES) > 0.5,
    "expanded": torch.tensor(IMAGES[:1]).expand(3, 28, 28),
    "transposed": torch.tensor(IMAGES).mT,
    "with a gradient": torch.tensor(IMAGES).requires_grad_(),
    "sparse": torch.tensor(IMAGES).to_sparse(),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_an_array_is_denoised_whatever_its_type_and_layout(model: Denoiser, kind: str) -> None:
    expected = model.denoise(np.array(ARRAYS[kind], np.float32, order="C"))
    output = model.denoise(ARRAYS[kind])
    assert (type(output), output.dtype) == (np.ndarray, np.float32)
    np.testing.assert_array_equal(output, expected)


@pytest.mark.parametrize("kind", TENSORS)
def test_a_tensor_is_denoised_whatever_its_type_and_layout(model: Denoiser, kind: str) -> None:
    expected = model.denoise(TENSORS[kind].detach().float().to_dense().contiguous())
    output = model.denoise(TENSORS[kind])
    assert (type(output), output.dtype) == (Tensor, torch.float32)
    assert output.requires_grad == TENSORS[kind].requires_grad
    torch.testing.assert_close(output.detach(), expected)


def test_a_model_of_another_precision_still_takes_and_returns_float32(best: Path) -> None:
    doubled = denoise.load(best)
    doubled.model.double().requires_grad_()
    assert doubled.denoise(IMAGES).dtype == np.float32
    assert doubled.decode(doubled.encode(IMAGES)).dtype == np.float32


KINDS = r"must be a numpy array or a tensor with values, got"
TYPES = r"must be uint8, from 0 to 255, or bool or floats in \[0, 1\], got"


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((27, 28)), r"must have shape \(28, 28\).* got \(27, 28\)"),
        (np.zeros((2, 3, 28, 28)), r"got \(2, 3, 28, 28\)"),
        (np.zeros((2, 28, 28, 1)), r"got \(2, 28, 28, 1\)"),
        (np.zeros((0, 28, 28)), r"got \(0, 28, 28\)"),
        (np.float32(1), f"{KINDS} float32"),
        (np.array(1.0), r"got \(\)"),
        (np.full((28, 28), 1.5), r"floats in \[0, 1\], got .* from 1.5 to 1.5"),
        (torch.full((28, 28), -0.1), r"floats in \[0, 1\], got .* from -0.1 to -0.1"),
        (np.full((28, 28), np.nan), r"from nan to nan"),
        (np.full((28, 28), np.inf), r"from inf to inf"),
        *(
            (np.zeros((28, 28), kind), f"{TYPES} {kind}")
            for kind in ("int8", "int16", "int32", "int64", "uint16", "uint32", "uint64")
        ),
        (torch.zeros(28, 28, dtype=torch.int32), f"{TYPES} torch.int32"),
        (np.zeros((28, 28), complex), f"{TYPES} complex128"),
        (torch.zeros(28, 28, dtype=torch.complex64), f"{TYPES} torch.complex64"),
        (np.zeros((28, 28), object), "must be numbers that torch knows, got object"),
        (np.full((28, 28), "1"), "must be numbers that torch knows, got <U1"),
        (np.zeros((28, 28), "f4,f4"), "must be numbers that torch knows"),
        (np.zeros((28, 28), "M8[s]"), "must be numbers that torch knows"),
        (np.ma.masked_less(IMAGES, 0.5), f"{KINDS} MaskedArray"),
        (torch.zeros(28, 28, device="meta"), f"{KINDS} Tensor"),
        (IMAGES.tolist(), f"{KINDS} list"),
        ([IMAGES[0]], f"{KINDS} list"),
        (Image.new("L", (28, 28)), f"{KINDS} Image"),
        ([Image.new("L", (28, 28))], f"{KINDS} list"),
        (None, f"{KINDS} NoneType"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_other_images_are_refused_with_the_allowed_types_shapes_and_values(
    model: Denoiser, images: np.ndarray, said: str
) -> None:
    for use in (model.denoise, model.encode):
        with pytest.raises(UserError, match=f"images .*{said}"):
            use(images)


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (np.zeros(5), r"must have shape \(4,\) or \(n, 4\), got \(5,\)"),
        (np.zeros((2, 2, 4)), r"got \(2, 2, 4\)"),
        (torch.zeros(0, 4), r"got \(0, 4\)"),
        (torch.tensor([0, 0, 0, torch.nan]), "must be finite real numbers"),
        (np.zeros(4, complex), "must be finite real numbers, got complex128"),
        ([0.0] * 4, f"{KINDS} list"),
    ],
)
def test_other_codes_are_refused(model: Denoiser, codes: np.ndarray, said: str) -> None:
    with pytest.raises(UserError, match=f"codes .*{said}"):
        model.decode(codes)


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


def test_a_part_that_was_not_pulled_is_named(copy: Path) -> None:
    path = copy / "checkpoints" / "last.safetensors"
    path.unlink()
    with pytest.raises(UserError, match=rf"{path} does not exist"):
        denoiser.read(copy)


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
        return command.run(apply.main), *capfd.readouterr()

    return run


@needs_best
def test_apply_writes_a_png_for_every_picture_and_a_sheet(applied: Command) -> None:
    Image.new("RGB", (60, 40), "orange").save("big.jpg")
    Image.new("L", (28, 28), 200).save("small.png")
    status, _, err = applied("best", "big.jpg", "small.png", "--to", "out")
    assert status == 0, err
    written = {path.name for path in Path("out").iterdir()}
    assert written == {"big.png", "small.png", "sheet.png", ".denoise.json"}
    assert "big.jpg: resized from 60x40 to 28x28, converted from colour to grey\n" in err
    assert "small.png" not in err
    with Image.open("out/big.png") as picture:
        assert (picture.size, picture.mode) == ((28, 28), "L")


def same_folder(shoe: Path) -> tuple[str, ...]:
    return str(shoe), "--to", "."


def through(link: Callable[[Path, Path], None]) -> Callable[[Path], tuple[str, ...]]:
    """The picture's place in the folder to write to is a link to the picture."""

    def arguments(shoe: Path) -> tuple[str, ...]:
        Path("out").mkdir()
        link(Path("out/shoe.png"), shoe.absolute())
        return str(shoe), "--to", "out"

    return arguments


def from_elsewhere(shoe: Path) -> tuple[str, ...]:
    Path("photos").mkdir()
    shoe.rename("photos/shoe.png")
    Path("link").symlink_to("photos")
    return "photos/shoe.png", "--to", "link/../link"


def second_of_a_name(shoe: Path) -> tuple[str, ...]:
    """The second picture would get the name of the third."""
    shutil.copy(shoe, "shoe-2.png")
    Path("sub").mkdir()
    shoe.rename("sub/shoe.png")
    return "sub/shoe.png", "sub/shoe.png", "shoe-2.png", "--to", "."


INPUTS = {
    "the same folder": same_folder,
    "a symbolic link": through(Path.symlink_to),
    "a hard link": through(Path.hardlink_to),
    "another spelling": from_elsewhere,
    "a name made unique": second_of_a_name,
}


def contents() -> dict[Path, bytes]:
    """All files in the current folder but the model's."""
    paths = (path for path in Path().rglob("*") if path.is_file() and path.parts[0] != "best")
    return {path: path.read_bytes() for path in paths}


@pytest.mark.parametrize("way", INPUTS)
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
@needs_best
def test_apply_never_overwrites_a_picture_that_it_reads(
    applied: Command, way: str, force: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Denoiser, "denoise", None)  # nothing is computed before the refusal
    Image.new("L", (60, 40), 200).save("shoe.png")
    arguments = INPUTS[way](Path("shoe.png"))
    before = contents()
    status, _, err = applied("best", *arguments, *force)
    assert (status, "is one of the files to read" in err) == (1, True), err
    assert contents() == before


@needs_best
def test_apply_overwrites_its_own_files_and_others_only_if_forced(applied: Command) -> None:
    Image.new("L", (28, 28), 200).save("shoe.png")
    arguments = ("best", "shoe.png", "--to", "out")
    Path("out").mkdir()
    Path("linked").write_text("mine")
    refusal = "was not written by this command, or has changed since"
    for name, target in {"sheet.png": "linked", "shoe.png": "nowhere"}.items():
        Path("out", name).symlink_to(Path(target).absolute())
        assert refusal in applied(*arguments)[2]
        assert list(Path("out").iterdir()) == [Path("out", name)]
        assert applied(*arguments, "--force")[0] == 0
        assert Path("linked").read_text() == "mine"
        assert applied(*arguments)[0] == 0
        Path("out", name).write_bytes(b"edited")
        assert refusal in applied(*arguments)[2]
        assert Path("out", name).read_bytes() == b"edited"
        shutil.rmtree("out")
        Path("out").mkdir()


@needs_best
def test_pictures_of_one_name_get_a_number(applied: Command) -> None:
    names = ("a/shoe.png", "b/SHOE.jpg", "c/shoe.png", "d/sheet.png", "e/shoe-2.png")
    for name in names:
        Path(name).parent.mkdir()
        Image.new("L", (28, 28), 200).save(name)
    assert applied("best", *names, "--to", "out")[0] == 0
    there = {path.stem for path in Path("out").glob("*.png")}
    assert there == {"shoe", "SHOE-2", "shoe-3", "sheet-2", "shoe-2-2", "sheet"}


@pytest.mark.parametrize("name", ["$x^$", "靴", "two\nlines", os.fsdecode(b"\xff"), "-"])
@needs_best
def test_a_picture_may_have_any_name(applied: Command, name: str) -> None:
    Image.new("L", (28, 28), 200).save(f"./{name}.png")
    status, _, err = applied("best", f"./{name}.png", "--to", "out")
    assert (status, err) == (0, "")
    assert Path("out", f"{name}.png").exists()


@needs_best
def test_apply_can_corrupt_test_images_first_by_the_amount_that_is_typed(
    applied: Command, settings: data.Settings
) -> None:
    Path("data").symlink_to(settings.root)
    sample = ("best", "--sample", "20")
    assert applied(*sample, "--to", "clean")[0] == 0
    away = []
    for sigma in ("0", "0.1", "1"):
        assert applied(*sample, "--noise", "gaussian", "--sigma", sigma, "--to", sigma)[0] == 0
        clean, noisy = (
            np.stack(
                [np.asarray(Image.open(path), float) for path in sorted(Path(to).glob("00*.png"))]
            )
            for to in ("clean", sigma)
        )
        away.append(np.abs(clean - noisy).mean())
    assert away[0] == 0 < away[1] < away[2]
    assert Path("1/sheet.png").read_bytes() != Path("clean/sheet.png").read_bytes()


@needs_best
def test_test_images_are_those_of_the_data_that_the_model_was_trained_on(
    applied: Command, settings: data.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, seen, model = data.load, [], denoise.load("best")
    of_digits = {**model.config, "data": {**model.config["data"], "name": "MNIST"}}
    digits = Denoiser(model.model, model.space, of_digits)
    monkeypatch.setattr("denoise.apply.load", lambda *_, **__: digits)

    def loaded(asked: data.Settings, device: torch.device) -> data.Data:
        seen.append((asked.name, asked.root))
        return read(settings, device)

    monkeypatch.setattr(data, "load", loaded)
    assert applied("best", "--sample", "1", "--to", "out")[0] == 0
    assert seen == [("MNIST", settings.root)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("best",), "give picture files, or --sample N"),
        (("best", "missing.png"), "missing.png is not a picture that can be read"),
        (("best", "best/run.json"), "run.json is not a picture that can be read"),
        (("best", "best"), "best is not a picture that can be read: it is not a file"),
        (("best", "--sample", "1", "--to", "best/run.json"), "'best/run.json' is a file"),
        (("best", "--sample", "1", "--to", "best/run.json/a"), "a cannot be written to (Not a"),
        (("best", "--sample", "1", "--to", "/proc/a"), "/proc/a cannot be written to (No such"),
        (("nowhere", "--sample", "1"), "nowhere is not a pulled run"),
        (("best", "--sample", "1", "--sigma", "1"), "--sigma is the strength of a --noise"),
        (("best", "--sample", "1", "--noise", "rain"), "'--noise': 'rain' is not one of 'blur'"),
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


def test_a_model_that_goes_beyond_black_and_white_is_clipped(model: Denoiser) -> None:
    class Loud(type(model.model)):
        def forward(self, images: Tensor) -> Tensor:
            return images * 9

        def decode(self, codes: Tensor) -> Tensor:
            return torch.full((len(codes), 1, 28, 28), 9.0)

    loud = Denoiser(Loud(4), model.space, model.config)
    output = loud.denoise(IMAGES)
    assert (output.min(), output.max()) == (0, 1)
    assert loud.decode(np.zeros(4)).max() == 1
