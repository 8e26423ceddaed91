"""Settings of a run that belong to no other module."""

from dataclasses import dataclass

from denoise import checks
from denoise.errors import UserError


@dataclass(frozen=True)
class Protocol:
    """`score` is the per-epoch figure, lower is better, by which the best epoch is chosen.

    `sigma` and `grey` are the study's Gaussian noise and erased boxes in the protocol's space.
    """

    name: str
    score: str
    sigma: float
    grey: float

    def __post_init__(self) -> None:
        checks.number("protocol.sigma", self.sigma, low=0)
        checks.number("protocol.grey", self.grey)


@dataclass(frozen=True)
class Tracking:
    """Where runs go. `uri` null means MLFLOW_TRACKING_URI, or else MLflow's own default.

    `offline` lets runs begin also while the store does not answer.
    """

    uri: str | None
    experiment: str
    offline: bool = False

    def __post_init__(self) -> None:
        if not self.experiment.strip():
            raise UserError(f"tracking.experiment must be a name, got {self.experiment!r}")
