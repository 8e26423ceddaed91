"""Autoencoders: `encode` images into codes, `decode` codes into images, `forward` does both.

Every class here is a choice of `conf/model/`. Images have shape (images, 1, 28, 28) in the
model's space, codes have shape (images, latent_dim).
"""

from torch import Tensor, nn

from denoise import checks


class Autoencoder(nn.Module):
    """What every model here is: an `encoder` and a `decoder`, set by its `__init__`."""

    encoder: nn.Module
    decoder: nn.Module

    def encode(self, images: Tensor) -> Tensor:
        return self.encoder(images)

    def decode(self, codes: Tensor) -> Tensor:
        return self.decoder(codes)

    def forward(self, images: Tensor) -> Tensor:
        return self.decode(self.encode(images))


class Anello(Autoencoder):
    """The study's network: three convolutions and two linear layers, and their mirror image.

    After E. Anello's convolutional autoencoder; 87,125 parameters with `latent_dim` 4. The
    decoder ends in a sigmoid, so its images lie in [0, 1] whatever space the data are in.
    """

    def __init__(self, latent_dim: int) -> None:
        checks.whole("model.latent_dim", latent_dim, low=1)
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 32, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(32 * 3 * 3, 128),
            nn.ReLU(inplace=True),
            nn.Linear(128, latent_dim),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, 128),
            nn.ReLU(inplace=True),
            nn.Linear(128, 32 * 3 * 3),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (32, 3, 3)),
            nn.ConvTranspose2d(32, 16, 3, stride=2),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid(),
        )
