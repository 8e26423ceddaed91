"""Settings of a run that belong to no other module."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from denoise.bounds import NonNegative


@dataclass(frozen=True)
class Protocol:
    """How runs are trained and judged.

    `score` is the metric, lower is better, that chooses the best epoch. `sigma` and `grey` are the
    study's strength of Gaussian noise and value of erased boxes, in the model's space.
    """

    name: str
    score: str
    sigma: NonNegative
    grey: float


@dataclass(frozen=True)
class Tracking:
    """Where runs are tracked. `uri` null means MLFLOW_TRACKING_URI, or else MLflow's own default.

    With `offline`, runs also start while the store does not answer. Without `wait`, a sweep does
    not wait for its runs that another process trains or a scheduler has queued. `system_metrics`
    logs the use of CPUs, memory and GPUs after each epoch.
    """

    uri: str | None
    experiment: Annotated[str, Field(pattern=r"\S", description="a name")]
    offline: bool = False
    wait: bool = True
    system_metrics: bool = False
