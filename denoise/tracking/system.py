"""How busy the machine is while a run trains, measured by MLflow and under its names."""

import contextlib

import psutil
from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

GROUP = "system/"  # MLflow shows metrics of this group on a page of their own


class Monitor:
    """Measures the machine's CPUs and memory, and its NVIDIA GPUs if there are any."""

    def __init__(self) -> None:
        psutil.cpu_percent()  # each call measures the time since the one before
        self.parts: list[BaseMetricsMonitor] = [CPUMonitor()]
        with contextlib.suppress(ImportError, RuntimeError):  # no GPU
            self.parts.append(GPUMonitor())

    def read(self) -> dict[str, float]:
        """The mean use of the CPUs since the last call; the use of memory and GPUs now."""
        values: dict[str, float] = {}
        for part in self.parts:
            part.clear_metrics()
            part.collect_metrics()
            values |= part.aggregate_metrics()
        return {f"{GROUP}{name}": float(value) for name, value in values.items()}
