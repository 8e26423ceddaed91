"""Hundreds of generated mistakes: each is reported in one sentence, and nothing runs."""

import gzip
import json
import math
import os
import pickle
import random
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from omegaconf import OmegaConf
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision import datasets

from denoise import apply, checkpoint, data, fetch, pull
from denoise import command as commands
from denoise.config import compose as configs
from denoise.config.settings import Tracking
from denoise.errors import UserError
from denoise.manifest import sha256
from denoise.noise import Identity
from denoise.runs.outputs import Outputs
from denoise.trainer import Trainer
from tests.conftest import ROOT, SMALL, Said, command, ended, pulled_from
from tests.faults.conftest import files, the_run

Cli = Callable[..., Said]
Texts = st.SearchStrategy[str]
GROUPS = ("data", "noise", "model", "trainer", "protocol", "evaluation", "tracking")
generated = partial(
    hypothesis,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Leaf:
    """A key that can be overridden once `choice` is typed, and its value there.

    `field` is its key in `LAWS`: for noises and models the class and field, otherwise the key.
    """

    choice: str
    key: str
    field: str
    value: Any


@dataclass(frozen=True)
class Mistake:
    """What is typed, and what the sentence must contain."""

    arguments: tuple[str, ...]
    named: tuple[str, ...]


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


@cache
def leaves() -> list[Leaf]:
    """Every key of the composed config, for every choice of noise and model."""
    plain = composed()
    found = [
        leaf
        for group in ("noise", "model")
        for choice in (f"{group}={name}" for name in choices(group))
        for leaf in _under(composed(choice)[group], group, choice)
    ]
    for key, value in plain.items():
        if key not in GROUPS:
            found.append(Leaf("seed=0", key, key, value))
        elif key not in ("noise", "model"):
            found += _under(value, key, "seed=0")
    return found


def _under(node: dict[str, Any], key: str, choice: str) -> Iterator[Leaf]:
    place = node["_target_"].rpartition(".")[2] if "_target_" in node else key
    for name, value in node.items():
        if "." in name:  # Hydra cannot override it
            continue
        if isinstance(value, dict):
            yield from _under(value, f"{key}.{name}", choice)
        else:
            yield Leaf(choice, f"{key}.{name}", f"{place}.{name}", value)


def composed(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", list(overrides))
    return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]


# Values that settings refuse, as they are typed.
NO_TEXT = ("[1.5]", "{a:1.5}")
NO_NUMBER = (*NO_TEXT, "abc", "nan", "inf", "-inf", "1e999", "null", "true", "", "'1 2'", "???")


def number(low: float = -math.inf, high: float = math.inf) -> Texts:
    below = [st.floats(low - 1e6, low, exclude_max=True)] if low > -math.inf else []
    above = [st.floats(high, high + 1e6, exclude_min=True)] if high < math.inf else []
    return st.one_of(st.sampled_from(NO_NUMBER), *(side.map(repr) for side in below + above))


def whole(low: int, high: int | None = None) -> Texts:
    broken = st.floats(low + 0.1, low + 0.9).map(repr)
    below = st.integers(low - 10**6, low - 1).map(str)
    above = [] if high is None else [st.integers(high + 1, high + 10**6).map(str)]
    return st.one_of(st.sampled_from(NO_NUMBER), broken, below, *above)


def interval(low: float, high: float = math.inf) -> Texts:
    top = 10.0 if high == math.inf else high
    inside = st.floats(low, top)
    swapped = st.tuples(inside, inside).filter(lambda pair: pair[0] > pair[1])
    long = st.lists(inside, min_size=3, max_size=4)
    outside = inside.map(lambda bound: [low - 1.5, bound])
    lists = st.one_of(swapped, long, outside, inside.map(lambda bound: [bound]))
    shown = lists.map(lambda bounds: "[" + ",".join(map(repr, bounds)) + "]")
    return st.one_of(shown, st.sampled_from(("abc", "null", "1.5", "[]", "[a,b]", "[nan,1.5]")))


def text(*more: str) -> Texts:
    return st.sampled_from((*NO_TEXT, *more))


def one_of(*allowed: str) -> Texts:
    words = st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda word: word not in allowed)
    return st.one_of(words, text("", "null"))


LAWS = {
    "seed": whole(0),
    "seeds": whole(1),
    "force": text("", "null", "perhaps", "1.5", "nan"),
    "data.name": one_of(),
    "data.root": text("", "null"),
    "data.train_size": whole(10, 60_000),
    "data.test_size": whole(10, 10_000),
    "data.holdout": whole(0, 59_990),
    "trainer.epochs": whole(1),
    "trainer.batch_size": whole(1, 60_000),
    "trainer.learning_rate": number(0),
    "trainer.weight_decay": number(0),
    "trainer.target": one_of("clean", "corrupted", "second"),
    "trainer.device": one_of("auto", "cpu", "cuda", "mps"),
    "trainer.precision": one_of(),
    "trainer.compile": text("", "null", "perhaps", "1.5", "nan"),
    "protocol.name": text("null"),
    "protocol.score": one_of(),
    "protocol.sigma": number(0),
    "evaluation.tsne_codes": whole(25, 10_000),
    "evaluation.perplexity": number(2, 3333),
    "evaluation.random_state": whole(0, 2**32 - 1),
    "evaluation.map_seed": whole(0).filter(lambda typed: typed != "null"),
    "evaluation.neighbours": whole(1),
    "evaluation.probe_codes": whole(1),
    "evaluation.pairwise_codes": whole(100),
    "evaluation.loss_axis": interval(0),
    "tracking.uri": text(),
    "tracking.experiment": text("null"),
    "Gaussian.sigma": number(0),
    "Uniform.width": number(0),
    "Speckle.sigma": number(0),
    "Poisson.peak": number(1e-6, 1e6),
    "Masking.fraction": number(0, 1),
    "SaltAndPepper.amount": number(0, 1),
    "SaltAndPepper.salt_vs_pepper": number(0, 1),
    "RandomErasing.p": number(0, 1),
    "RandomErasing.scale": interval(0, 1),
    "RandomErasing.ratio": interval(1e-6),
    "GaussianBlur.sigma": number(0, 4),
}


def refused(leaf: Leaf) -> Texts:
    """Values that a key refuses: by its entry in `LAWS`, or else by the type of its value."""
    if leaf.key.endswith("_target_"):
        return text("", "null", "os.system", "denoise.noise.torch.load", "denoise.model.math")
    if leaf.field in LAWS:
        return LAWS[leaf.field]
    if leaf.key.startswith("model."):
        return whole(1)
    if isinstance(leaf.value, int | float) and not isinstance(leaf.value, bool):
        return number()
    return text()


def shown(typed: str) -> str:
    """How a sentence shows a value, which is how Python does."""
    return repr(OverridesParser.create().parse_override(f"key={typed}").value())


def good(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, list):
        return "[" + ",".join(map(good, value)) + "]"
    return "null" if value is None else str(value).lower() if value in (True, False) else str(value)


def among(draw: st.DrawFn, *values: str) -> str:
    """Several values of a sweep, in any order."""
    return ",".join(draw(st.permutations(values)))


@st.composite
def bad_values(draw: st.DrawFn) -> Mistake:
    leaf = draw(st.sampled_from(leaves()))
    typed = draw(refused(leaf))
    named = (leaf.key,) if typed in ("", "???") else (leaf.key, shown(typed).strip("'"))
    if draw(st.booleans()):
        typed = among(draw, typed, good(leaf.value))
        return Mistake(("-m", leaf.choice, f"{leaf.key}={typed}"), named)
    return Mistake((leaf.choice, f"{leaf.key}={typed}"), named)


WORDS = st.from_regex(r"[a-z]{3,8}", fullmatch=True).filter(
    lambda word: word not in ("null", "nan", "inf", "true", "false", "seed", "seeds", "force")
)


@st.composite
def unknown_choices(draw: st.DrawFn) -> Mistake:
    group = draw(st.sampled_from((*GROUPS, "experiment", "hydra/launcher", "hydra/sweeper")))
    word = draw(WORDS.filter(lambda word: word not in ("basic", "joblib", *choices(group))))
    if group in GROUPS and draw(st.booleans()):
        typed = among(draw, word, draw(st.sampled_from(choices(group))))
        return Mistake(("-m", f"{group}={typed}"), (f"{group}={word}", *choices(group)))
    word = draw(st.sampled_from((word, word, word, "", "null", "1.5", "true")))
    return Mistake((f"{group}={word}",), (f"{group}={word}",))


@st.composite
def unknown_keys(draw: st.DrawFn) -> Mistake:
    leaf = draw(st.sampled_from(leaves()))
    word = draw(WORDS)
    key = draw(st.sampled_from((f"{leaf.key.rpartition('.')[0] or leaf.key}.{word}", word)))
    is_known = any(f"{known.key}.".startswith(f"{key}.") for known in leaves())
    key = f"{key}.{word}" if is_known else key
    sweep = draw(st.sampled_from(((), ("-m", "seed=0,1"))))
    plus = "" if leaf.key == "seed" else draw(st.sampled_from(("", "+", "++")))
    return Mistake((*sweep, leaf.choice, f"{plus}{key}=1.5"), (word,))


MALFORMED = (
    *("{}", "{}==1", "{}=[1,2", "{}={{a:1", "{}=1)", '{}="1', "{}='", "{}=1,", "{}=,1", "{}=${{a"),
    *(".{}=1", "{}.=1", "/{}=1", "{}[0]=1", "{}:1", "{} =1=", "==", "{}=choice(", "{}=a b]"),
)


@st.composite
def malformed(draw: st.DrawFn) -> Mistake:
    key = draw(st.sampled_from(leaves())).key
    typed = draw(st.sampled_from(MALFORMED)).format(key)
    sweep = draw(st.sampled_from(((), ("-m", "seed=0,1"))))
    return Mistake((*sweep, typed), (typed,))


# Configs that earlier versions saved lack these keys.
HAVE_DEFAULTS = {
    f"tracking.{field.name}" for field in fields(Tracking) if field.default is not MISSING
}


@st.composite
def nothing_there(draw: st.DrawFn) -> Mistake:
    """Interpolations of missing keys, and deleted keys, except those that have a default."""
    leaf = draw(st.sampled_from(leaves()))
    nowhere = draw(st.sampled_from(("${nowhere}", "${nowhere.at.all}", "${oc.env:nowhere}")))
    gone = () if leaf.key in HAVE_DEFAULTS else ("gone",)
    kind = draw(st.sampled_from(("sweep", "nowhere", "self", "missing", *gone)))
    return {
        "sweep": Mistake(
            ("-m", leaf.choice, f"{leaf.key}={good(leaf.value)},{nowhere}"), ("nowhere",)
        ),
        "nowhere": Mistake((leaf.choice, f"{leaf.key}={nowhere}"), (leaf.key, "nowhere")),
        "self": Mistake((leaf.choice, f"{leaf.key}=${{{leaf.key}}}"), (leaf.key, "ecursi")),
        "missing": Mistake((leaf.choice, f"{leaf.key}=???"), (leaf.key,)),
        "gone": Mistake((leaf.choice, f"~{leaf.key}"), (leaf.key.rpartition(".")[2],)),
    }[kind]


MISTAKES = st.one_of(
    *[bad_values()] * 5, unknown_choices(), unknown_keys(), malformed(), nothing_there()
)


@pytest.fixture
def told(cli: Cli, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Mistake], None]:
    """Checks that a mistake gives one sentence that names it, and that nothing starts."""

    def accepted(_: data.Settings) -> None:
        raise AssertionError("it was accepted")

    def hold(mistake: Mistake) -> None:
        is_the_law_kept(cli(*mistake.arguments), mistake, empty_store)

    monkeypatch.setattr(fetch, "fetch", accepted)  # otherwise hundreds of runs would train
    return hold


def is_the_law_kept(said: Said, mistake: Mistake, empty_store: Path) -> None:
    assert said.status not in (0, None)
    assert said.err.strip().startswith("denoise: "), said.err
    assert len(said.err.strip().splitlines()) == 1, said.err
    assert "Traceback" not in said.out + said.err
    assert [name for name in mistake.named if name not in said.err] == [], said.err
    assert said.nothing_began(empty_store)


@generated(max_examples=20)
@given(mistake=MISTAKES)
def test_a_bad_override_is_reported_in_one_sentence(
    told: Callable[[Mistake], None], mistake: Mistake
) -> None:
    told(mistake)


@pytest.mark.faults
@generated(max_examples=280)
@given(mistake=MISTAKES)
def test_each_bad_override_of_hundreds_is_reported_in_one_sentence(
    told: Callable[[Mistake], None], mistake: Mistake
) -> None:
    told(mistake)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("noise.sigma=-1",), "noise.sigma must be a finite number >= 0, got -1"),
        (("noise.sigma==1",), "noise.sigma==1 is not of the form key=value"),
        (("hydra/launcher=nothing",), "hydra/launcher=nothing is not a choice"),
        (("-m", "trainer.epochs=1,ten"), "trainer.epochs must be a whole number >= 1, got 'ten'"),
        (("-m", "seed=0,1", "model=nothing"), "model=nothing is not a choice"),
    ],
)
def test_a_separate_process_reports_the_same_sentence(
    tmp_path: Path, empty_store: Path, arguments: tuple[str, ...], named: str
) -> None:
    said = ended(command(tmp_path, *arguments), tmp_path)
    is_the_law_kept(said, Mistake(arguments, (named,)), empty_store)


class Payload:
    def __reduce__(self) -> tuple:
        return os.system, ("touch executed",)


def cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(1, len(content))]


def flipped(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) - 16)
    inverted = bytes(255 - byte for byte in content[start : start + 16])
    return content[:start] + inverted + content[start + 16 :]


def emptied(*_: object) -> bytes:
    return b""


def pickled(*_: object) -> bytes:
    return pickle.dumps(Payload())


def a_folder(*_: object) -> None:
    return None


Damage = Callable[[bytes, random.Random], bytes | None]
DAMAGES: tuple[Damage, ...] = (cut, flipped, emptied, pickled, a_folder)


def harm(path: Path, damage: Damage) -> None:
    """Damage a file, in the same way every time."""
    content = damage(path.read_bytes(), random.Random(f"{damage.__name__} {path.name}"))
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)


def sampled(cases: Iterable[tuple]) -> list:
    """The cases, all but one in seven marked for `make faults` only."""
    return [
        pytest.param(*case, marks=[pytest.mark.faults] if number % 7 else [])
        for number, case in enumerate(cases)
    ]


@pytest.fixture
def copy(settings: data.Settings, tmp_path: Path) -> data.Settings:
    """A copy of the data set for a test to damage."""
    there = replace(settings, root=str(tmp_path / "data"))
    there.raw.mkdir(parents=True)
    for name in fetch.FILES:
        (there.raw / name).symlink_to(settings.raw / name)
    return there


def is_a_sentence_of(path: Path, said: Said) -> None:
    """Assert that the command named the damaged file in one sentence and ran nothing."""
    assert said.status == 1
    assert said.err.startswith("denoise")
    assert len(said.err.strip().splitlines()) == 1, said.err
    assert str(path) in said.err
    assert "Traceback" not in said.out + said.err
    assert not Path("executed").exists()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store that tests share, because making one takes a second."""
    return tmp_path_factory.mktemp("store")


def trains_nothing(cli: Cli, store: Path, copy: data.Settings, *more: str) -> Said:
    """Run the command on damaged data, and assert that it tracked no run."""
    uri = f"tracking.uri=sqlite:///{store / 'mlflow.db'}"
    said = cli(*SMALL, f"data.root={copy.root}", uri, *more)
    assert replace(said, folder=store).runs() == []
    return said


@pytest.mark.parametrize(
    ("name", "damage"), sampled((name, damage) for name in fetch.FILES for damage in DAMAGES)
)
def test_a_damaged_data_file_is_refused_and_named(
    cli: Cli, store: Path, copy: data.Settings, name: str, damage: Damage
) -> None:
    harm(copy.raw / name, damage)
    is_a_sentence_of(copy.raw / name, trains_nothing(cli, store, copy))


def fewer(content: bytes, _: random.Random) -> bytes:
    """A valid file of the first hundred images or labels."""
    header = 16 if content[3] == 3 else 8
    size = 28 * 28 if content[3] == 3 else 1
    count = (100).to_bytes(4, "big")
    return content[:4] + count + content[8:header] + content[header : header + 100 * size]


def turned(content: bytes, _: random.Random) -> bytes:
    """As many bytes, but images of 14 by 56 pixels, or labels of 250."""
    sides = (14).to_bytes(4, "big") + (56).to_bytes(4, "big")
    is_images = content[3] == 3
    return content[:8] + (sides + content[16:] if is_images else b"\xfa" * (len(content) - 8))


@pytest.mark.parametrize(
    ("name", "damage"),
    sampled((name, damage) for name in fetch.FILES for damage in (fewer, turned, emptied)),
)
def test_a_data_file_without_a_published_sum_is_checked_by_its_shape(
    cli: Cli, store: Path, copy: data.Settings, name: str, damage: Damage
) -> None:
    without_sums = replace(copy, name="KMNIST")
    without_sums.raw.parent.mkdir()
    copy.raw.rename(without_sums.raw)
    harm(without_sums.raw / name, damage)
    said = trains_nothing(cli, store, copy, "data=kmnist")
    is_a_sentence_of(without_sums.raw / name, said)


@pytest.mark.faults
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", [cut, flipped, pickled, a_folder])
def test_a_damaged_archive_is_named_among_the_sources(
    cli: Cli,
    store: Path,
    copy: data.Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Damage,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    monkeypatch.setattr(fetch, "DEBIAN_DATASETS", tmp_path / "datasets")
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    packed = tmp_path / "datasets" / "fashion-mnist" / f"{fetch.FILES[-1]}.gz"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(gzip.compress((copy.raw / fetch.FILES[-1]).read_bytes()))
    (copy.raw / fetch.FILES[-1]).unlink()
    harm(packed, damage)
    is_a_sentence_of(packed, trains_nothing(cli, store, copy))


@pytest.fixture(scope="module")
def finished(settings: data.Settings, tmp_path_factory: pytest.TempPathFactory) -> Said:
    """A small finished run."""
    folder = tmp_path_factory.mktemp("finished")
    said = ended(command(folder, *SMALL, f"data.root={settings.root}"), folder)
    assert said.status == 0, said.err
    return said


@pytest.fixture(scope="module")
def best(finished: Said, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pulled_from(finished, tmp_path_factory.mktemp("pulled") / "best")


@pytest.fixture
def pulled(best: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a pulled folder for a test to damage."""
    monkeypatch.chdir(tmp_path)
    Image.effect_noise((28, 28), 90).save("picture.png")
    return Path(shutil.copytree(best, tmp_path / "best"))


@pytest.fixture
def applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Cli:
    """`denoise.apply` in this process."""

    def run(*arguments: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["apply", *map(str, arguments)])
        return Said(commands.run(apply.main), *capfd.readouterr(), tmp_path)

    return run


def relist(path: Path) -> None:
    """Renew the sum of a damaged file in `run.json`."""
    manifest = path.parents[1] / "run.json"
    known = json.loads(manifest.read_text())
    known["files"][path.relative_to(path.parents[1]).as_posix()] = sha256(path)
    manifest.write_text(json.dumps(known))


PULLED = ("config/config.yaml", "checkpoints/last.safetensors", "run.json")


@pytest.mark.faults
@pytest.mark.parametrize("name", PULLED)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_of_a_pulled_folder_is_named(
    pulled: Path, applied: Cli, name: str, damage: Damage
) -> None:
    harm(pulled / name, damage)
    said = applied(pulled, "picture.png")
    if name == "run.json":
        assert "run.json" in said.err
        is_a_sentence_of(pulled, said)
    else:
        is_a_sentence_of(pulled / name, said)
    assert not Path("denoised").exists()


@pytest.mark.faults
@pytest.mark.parametrize("damage", [cut, flipped, emptied, pickled])
def test_a_damaged_checkpoint_is_refused_even_if_its_sum_was_renewed(
    pulled: Path, applied: Cli, damage: Damage
) -> None:
    path = pulled / "checkpoints" / "last.safetensors"
    harm(path, damage)
    relist(path)
    is_a_sentence_of(path, applied(pulled, "picture.png"))


@pytest.mark.faults
@pytest.mark.parametrize("plain", [{}, [], {"data": 1}, {"data": {"holdout": 0}}])
def test_a_checkpoint_without_the_config_of_a_run_is_refused(
    pulled: Path, applied: Cli, plain: Any
) -> None:
    path = pulled / "checkpoints" / "last.safetensors"
    save_file(load_file(path), path, {"epoch": "1", "config": json.dumps(plain)})
    relist(path)
    is_a_sentence_of(path, applied(pulled, "picture.png"))


@pytest.mark.faults
@pytest.mark.parametrize("latent_dim", [1, 5])
def test_weights_of_another_shape_are_refused(pulled: Path, applied: Cli, latent_dim: int) -> None:
    path = pulled / "checkpoints" / "last.safetensors"
    plain = checkpoint.load(path)[2]
    plain["model"]["latent_dim"] = latent_dim
    save_file(load_file(path), path, {"epoch": "1", "config": json.dumps(plain)})
    relist(path)
    is_a_sentence_of(path, applied(pulled, "picture.png"))


@pytest.mark.faults
@pytest.mark.parametrize("content", ["[]", "{}", "3", '{"files": 3}', '{"files": [1]}'])
def test_a_malformed_run_json_is_refused_by_apply_and_pull(
    pulled: Path,
    applied: Cli,
    finished: Said,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    content: str,
) -> None:
    (pulled / "run.json").write_text(content)
    is_a_sentence_of(pulled, applied(pulled, "picture.png"))
    store = f"sqlite:///{finished.folder / 'mlflow.db'}"
    again = ["pull", "--tracking-uri", store, "--to", str(pulled), "--only", "config"]
    monkeypatch.setattr(sys, "argv", again)
    assert commands.run(pull.main) == 1
    assert f"{pulled} has something else in it; replace it with --force" in capfd.readouterr().err


@pytest.mark.faults
@pytest.mark.parametrize("name", ["picture.png", "picture.jpg"])
@pytest.mark.parametrize("damage", [cut, emptied, pickled, a_folder])
def test_a_damaged_picture_is_named(pulled: Path, applied: Cli, name: str, damage: Damage) -> None:
    picture = pulled.parent / name
    Image.effect_noise((28, 28), 90).save(picture)
    harm(picture, damage)
    is_a_sentence_of(picture, applied(pulled, picture))


@pytest.mark.faults
@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("picture.png", b"IDAT", b"ID\xffT"), ("picture.ppm", b"255", b"2x5")],
)
def test_any_exception_of_the_picture_decoder_is_reported_in_one_sentence(
    pulled: Path, applied: Cli, name: str, old: bytes, new: bytes
) -> None:
    picture = pulled.parent / name
    Image.new("L", (28, 28), 100).save(picture)
    picture.write_bytes(picture.read_bytes().replace(old, new))
    is_a_sentence_of(picture, applied(pulled, picture))


def fresh(settings: data.Settings, *overrides: str) -> Trainer:
    """A trainer on a few images."""
    cfg = OmegaConf.create(composed("trainer=smoke", *overrides))
    few = data.load(replace(settings, train_size=512, test_size=100), torch.device("cpu"))
    config = configs.checked(cfg)
    return Trainer(config.model(), few, Identity(), config.trainer, seed=0)


@pytest.fixture
def states(settings: data.Settings, tmp_path: Path) -> Path:
    """A folder of the states after one and two epochs, for a test to damage."""
    folder, trainer, history = tmp_path / "state", fresh(settings), []
    folder.mkdir()
    for name, values in zip(("odd", "even"), trainer.epochs(), strict=True):
        history.append(values)
        best = {key: value.clone() for key, value in trainer.model.state_dict().items()}
        path = folder / f"{name}.safetensors"
        checkpoint.save(path, trainer, history=history, best=best, config={})
    return folder


@pytest.mark.parametrize("damage", sampled((damage,) for damage in DAMAGES))
def test_if_the_newest_state_is_damaged_the_one_before_is_used(
    states: Path, damage: Damage
) -> None:
    newest = checkpoint.newest(states.iterdir())
    assert newest
    (before,) = set(states.iterdir()) - {newest}
    harm(newest, damage)
    assert checkpoint.newest(states.iterdir()) == before
    harm(before, damage)
    assert checkpoint.newest(states.iterdir()) is None


@pytest.mark.parametrize("other", ["model.latent_dim=5", "model=conv"])
def test_a_state_of_another_model_is_refused_and_named(
    states: Path, settings: data.Settings, other: str
) -> None:
    path = states / "even.safetensors"
    with pytest.raises(UserError, match=f"{path} is not the state of a run of this config"):
        checkpoint.restore(path, fresh(settings, other))


def test_a_checkpoint_with_weights_only_is_no_state(states: Path, settings: data.Settings) -> None:
    path = states / "even.safetensors"
    checkpoint.save_weights(path, checkpoint.weights(path), epoch=2, config={})
    with pytest.raises(UserError, match=f"{path} is not the state of a run of this config"):
        checkpoint.restore(path, fresh(settings))


@pytest.mark.faults
@pytest.mark.parametrize(("damage", "harmed"), [(cut, 1), (flipped, 1), (pickled, 2)])
def test_a_run_resumes_from_the_newest_undamaged_state(
    cli: Cli,
    settings: data.Settings,
    monkeypatch: pytest.MonkeyPatch,
    damage: Damage,
    harmed: int,
) -> None:
    arguments = (*SMALL, f"data.root={settings.root}")
    with monkeypatch.context() as interrupted:
        interrupted.setattr(Outputs, "end", Mock(side_effect=KeyboardInterrupt))
        run = the_run(cli(*arguments))
    for _ in range(harmed):
        newest = checkpoint.newest((files(run) / "state").iterdir())
        assert newest
        harm(newest, damage)
    said = cli(*arguments)
    assert said.status == 0, said.out + said.err
    assert (f"resumes after epoch 1 of run {run.info.run_id}" in said.out) == (harmed == 1)
    assert the_run(said).info.status == "FINISHED"
    assert "Traceback" not in said.out + said.err
