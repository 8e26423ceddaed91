"""The layers of the study's network, and the laws of every autoencoder."""

from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
import torch
from omegaconf import DictConfig
from torch import nn

from denoise import build
from denoise.config import compose
from denoise.errors import UserError
from denoise.model import Anello, Autoencoder, Conv, Mlp, Shallow, Unet

MODELS: dict[str, Callable[..., Autoencoder]] = {
    "anello": Anello,
    "shallow": Shallow,
    "mlp": lambda latent_dim=4, width=512, depth=2: Mlp(latent_dim, width, depth),
    "conv": lambda latent_dim=4, width=8, depth=1: Conv(latent_dim, width, depth),
    "unet": lambda latent_dim=4, width=8, depth=1: Unet(latent_dim, width, depth),
}
DEEP = {name: MODELS[name] for name in ("mlp", "conv", "unet")}
every_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
every_deep_model = pytest.mark.parametrize("make", DEEP.values(), ids=DEEP)

# The protocol's encoder and decoder: the shape of one image after each layer that has weights.
SHAPES = {
    "encoder": [(8, 14, 14), (16, 7, 7), (16, 7, 7), (32, 3, 3), (128,), (4,)],
    "decoder": [(128,), (288,), (16, 7, 7), (16, 7, 7), (8, 14, 14), (8, 14, 14), (1, 28, 28)],
}


@pytest.mark.parametrize("half", SHAPES)
def test_layers_have_the_shapes_of_the_protocol(half: str) -> None:
    model, shapes = Anello(latent_dim=4), []
    for layer in getattr(model, half):
        if list(layer.parameters()):
            layer.register_forward_hook(lambda _, __, output: shapes.append(output.shape[1:]))
    model(torch.zeros(2, 1, 28, 28))
    assert [tuple(shape) for shape in shapes] == SHAPES[half]


def test_the_parameter_count_follows_from_the_protocol() -> None:
    convolutions = (1 * 8 + 8 * 16 + 16 * 32) * 9 * 2  # 3x3, in the encoder and mirrored
    linear = (288 * 128 + 128 * 4) * 2
    biases = (8 + 16 + 32 + 128 + 4) + (128 + 288 + 16 + 8 + 1)
    batch_norms = 2 * (16 + 16 + 8)
    expected = convolutions + linear + biases + batch_norms
    assert sum(p.numel() for p in Anello(latent_dim=4).parameters()) == expected == 87_125


def test_the_shallow_model_is_one_layer_of_sigmoid_units_each_way() -> None:
    """h = s(Wx + b) and y = s(W'h + b'), with W and W' of their own."""
    model, images = Shallow(latent_dim=16), torch.randn(5, 1, 28, 28)
    (_, inward, _), (outward, *_) = model.encoder, model.decoder
    codes = torch.sigmoid(images.flatten(1) @ inward.weight.T + inward.bias)
    torch.testing.assert_close(model.encode(images), codes)
    output = torch.sigmoid(codes @ outward.weight.T + outward.bias)
    torch.testing.assert_close(model(images).flatten(1), output)
    assert len(list(model.parameters())) == 4


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("anello", 87_125),
        ("shallow", 402_448),
        ("mlp", 1_334_036),
        ("conv", 218_869),
        ("unet", 221_528),
    ],
)
def test_each_model_has_the_number_of_parameters_in_its_docstring(
    composed: Callable[..., DictConfig], name: str, count: int
) -> None:
    model = compose.checked(composed(f"model={name}")).model()
    assert parameters(model) == count
    assert f"{count:,} parameters" in str(type(model).__doc__)


@every_model
def test_output_lies_in_the_sigmoids_range(make: Callable[..., Autoencoder]) -> None:
    output = make(latent_dim=4)(torch.randn(64, 1, 28, 28) * 10)
    assert output.shape == (64, 1, 28, 28)
    assert output.min() >= 0
    assert output.max() <= 1


@every_model
@pytest.mark.parametrize("latent_dim", [1, 2, 32])
def test_forward_is_decode_of_encode_except_with_skip_connections(
    make: Callable[..., Autoencoder], latent_dim: int
) -> None:
    model = make(latent_dim=latent_dim).eval()
    images = torch.rand(3, 1, 28, 28)
    codes = model.encode(images)
    assert codes.shape == (3, latent_dim)
    assert model.decode(codes).shape == images.shape
    assert torch.equal(model(images), model.decode(codes)) != isinstance(model, Unet)


def test_skip_connections_distinguish_images_with_the_same_code() -> None:
    model = Unet(latent_dim=4, width=8, depth=1).eval()
    nn.init.zeros_(model.encoder[-1][-1].weight)  # every code is now the same
    images = torch.rand(2, 1, 28, 28)
    first, second = model.decode(model.encode(images))
    assert torch.equal(first, second)
    assert not torch.allclose(*model(images))


@every_deep_model
@pytest.mark.parametrize("key", ["latent_dim", "width", "depth"])
def test_every_size_changes_the_number_of_parameters(
    make: Callable[..., Autoencoder], key: str
) -> None:
    counts = [parameters(make(**{key: size})) for size in (1, 2, 3)]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize(("kind", "layer"), [(Mlp, nn.Linear), (Conv, nn.Conv2d)])
def test_depth_counts_hidden_layers_or_blocks(kind: type[Autoencoder], layer: type) -> None:
    def layers(half: str, depth: int) -> int:
        model = kind(4, 8, depth)
        return sum(isinstance(module, layer) for module in getattr(model, half).modules())

    each = 1 if kind is Mlp else 2 * 2  # two convolutions a block, blocks at two sizes
    for half in ("encoder", "decoder"):
        assert layers(half, 3) - layers(half, 1) == 2 * each


@every_model
def test_eight_images_can_be_overfitted(make: Callable[..., Autoencoder], images) -> None:
    torch.manual_seed(0)
    model = make(latent_dim=64 if make is Shallow else 4)
    batch = images.train.images[:8].unsqueeze(1).float() / 255
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(400):
        loss = nn.functional.mse_loss(model(batch), batch)
        if loss.item() < 0.1 * batch.var().item():
            return
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    pytest.fail(f"after 400 steps the loss is still {loss.item():.4f}")


@every_model
def test_a_model_exported_with_a_batch_of_two_accepts_any_batch(
    make: Callable[..., Autoencoder], tmp_path: Path
) -> None:
    """In MLflow's pickle-free format, which a model is exported to."""
    model = make(latent_dim=4).eval()
    example = torch.rand(2, 1, 28, 28).numpy()
    mlflow.pytorch.save_model(model, tmp_path / "m", input_example=example, pip_requirements=[])
    assert list(tmp_path.rglob("*.pt2"))
    loaded, images = mlflow.pytorch.load_model(tmp_path / "m"), torch.rand(5, 1, 28, 28)
    torch.testing.assert_close(loaded(images), model(images))


NODES = {
    **{name: {"latent_dim": 4} for name in ("Anello", "Shallow")},
    **{name: {"latent_dim": 4, "width": 8, "depth": 1} for name in ("Mlp", "Conv", "Unet")},
}


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "four", {"_target_": "os.system"}])
@pytest.mark.parametrize(("name", "key"), [(name, key) for name in NODES for key in NODES[name]])
def test_a_bad_size_is_refused_and_its_key_named(name: str, key: str, size: object) -> None:
    node = {"_target_": f"denoise.model.{name}", **NODES[name], key: size}
    with pytest.raises(UserError, match=rf"^model.{key} must be a whole number >= 1, got "):
        build.build_model(node, seed=0)


def test_the_base_class_is_not_a_model() -> None:
    with pytest.raises(UserError, match=r"model\._target_ must name a model, a subclass of"):
        build.build_model({"_target_": "denoise.model.Autoencoder"}, seed=0)
