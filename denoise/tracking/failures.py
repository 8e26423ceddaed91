"""What an error of the store means: whether trying again may help, and what a person can do."""

import re

import requests
from mlflow import MlflowException
from mlflow.exceptions import RestException

from denoise.errors import StoreUnavailableError, UserError

HIDDEN = "***"
LOGIN, PERMISSION, NOT_FOUND = 401, 403, 404
# Of the statuses from 400 to 499, those that may pass: a wrong login, a timeout, too many requests.
PASSING = (LOGIN, 408, 429)
REMEDIES = {
    LOGIN: "the server refuses the login (check MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD)",
    # MLflow's login also answers 403 for what does not exist.
    PERMISSION: "the server denies access (ask its administrator for the permission EDIT, unless "
    "it was deleted for good)",
}
# Errors without an HTTP status that only a person can repair.
LASTING = (ImportError, PermissionError, FileExistsError, NotADirectoryError)
# The packages of modules that MLflow needs to reach files, where the names differ.
PACKAGES = {
    "azure": "azure-storage-blob azure-identity",
    "botocore": "boto3",
    "google": "google-cloud-storage",
}
LONGEST_LINE = 2000  # letters of an error's message: rich takes minutes to wrap one of 100,000
# Errors of the store that have a sentence of ours.
FAILURES = (UserError, OSError, MlflowException)


def is_refused(error: BaseException) -> bool:
    """Whether trying again fails until a person puts something right."""
    if isinstance(error, UserError):
        return not isinstance(error, StoreUnavailableError)
    if code := status(error):
        return 400 <= code < 500 and code not in PASSING
    cause = error.__cause__ or error.__context__
    return isinstance(error, LASTING) or (cause is not None and is_refused(cause))


def status(error: BaseException) -> int | None:
    """The HTTP status that MLflow, or a library that it reaches files with, received, if any."""
    if isinstance(error, MlflowException):
        return error.get_http_status_code()
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # of botocore
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return getattr(response, "status_code", None)


def without_secret(text: str) -> str:
    """The text with the passwords and tokens of its addresses, if any, starred out."""
    text = re.sub(r"(//[^:/@\s]*:)[^\s'\"]*@", rf"\1{HIDDEN}@", text)
    text = re.sub(r"(https?://)[^:/@\s'\"]+@", rf"\1{HIDDEN}@", text)  # a token as the user's name
    return re.sub(r"([?&]\w*(?:password|token|secret)=)[^&\s'\"]*", rf"\1{HIDDEN}", text)


def reason(error: BaseException) -> str:
    """Why the store fails: a sentence of ours, or the first line of the error's first cause."""
    while not isinstance(error, UserError) and (cause := error.__cause__ or error.__context__):
        error = cause
    if isinstance(error, ModuleNotFoundError) and error.name:
        module = error.name.partition(".")[0]
        return f"{error} (pip install {PACKAGES.get(module, module)})"
    return by_server(error) or first_line(error)


def by_server(error: BaseException) -> str | None:
    """What to do about an error that an MLflow server answers without a reason; else None."""
    text = str(error)
    if failed := re.search(r"too many (5\d\d) error responses", text):
        return f"the server answers with error {failed[1]} (its log has the reason)"
    # With a reason, the error may be that of the storage behind the server.
    has_reason = isinstance(error, RestException) or '"error_code"' in text
    is_http = isinstance(error, (MlflowException, requests.HTTPError))
    return REMEDIES.get(status(error) or 0) if is_http and not has_reason else None


def described(error: BaseException) -> str:
    """The first line of an error's message; after its class, unless it is a sentence of ours."""
    line, kind = first_line(error), type(error).__name__
    return line if isinstance(error, UserError) or line == kind else f"{kind}: {line}"


def first_line(error: BaseException) -> str:
    """The first line of an error's message, without secrets; its class if it has no message."""
    try:
        text = str(error).strip()
    except Exception:  # of a class of the user's
        text = ""
    line = without_secret(text.partition("\n")[0])[:LONGEST_LINE]
    shown = "".join(letter if letter.isprintable() else "?" for letter in line)
    return shown or type(error).__name__
