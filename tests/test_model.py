"""The study's network, layer by layer, and what every autoencoder must do."""

import pytest
import torch
from torch import nn

from denoise.checks import UserError
from denoise.model import Anello

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


def test_output_lies_in_the_sigmoids_range() -> None:
    output = Anello(latent_dim=4)(torch.randn(64, 1, 28, 28) * 10)
    assert output.min() >= 0
    assert output.max() <= 1


@pytest.mark.parametrize("latent_dim", [1, 2, 32])
def test_forward_is_decode_of_encode(latent_dim: int) -> None:
    model = Anello(latent_dim).eval()
    images = torch.rand(3, 1, 28, 28)
    assert model.encode(images).shape == (3, latent_dim)
    assert torch.equal(model(images), model.decode(model.encode(images)))


def test_eight_images_can_be_overfitted(images) -> None:
    torch.manual_seed(0)
    model = Anello(latent_dim=4)
    batch = images.train.images[:8].unsqueeze(1).float() / 255
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(400):
        loss = nn.functional.mse_loss(model(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1 * batch.var().item()


@pytest.mark.parametrize("latent_dim", [0, -1, 2.5, "four"])
def test_a_bad_latent_dim_is_refused(latent_dim: object) -> None:
    with pytest.raises(UserError, match=r"^model.latent_dim must be a whole number >= 1, got "):
        Anello(latent_dim)  # type: ignore[arg-type]
