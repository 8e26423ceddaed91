"""MLflow's environment variables. Imports only `os`, to be used before MLflow is imported."""

import os

# Switch telemetry off, keep MLflow from writing over the progress bars, and give up an unreachable
# server soon: what it misses is uploaded later.
VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


def prepare() -> bool:
    """Set those that the user has not set; return whether there were any."""
    missing = VARIABLES.keys() - os.environ.keys()
    os.environ.update({name: VARIABLES[name] for name in missing})
    return bool(missing)
