"""MLflow's environment variables. Imports nothing, so that it can be called before MLflow is."""

import os

# No telemetry, nothing written over the bars, and a server that is away is given up soon, as what
# it misses is uploaded later.
VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


def prepare() -> bool:
    """Set those that the user has not set; whether there were any."""
    missing = VARIABLES.keys() - os.environ.keys()
    os.environ.update({name: VARIABLES[name] for name in missing})
    return bool(missing)
