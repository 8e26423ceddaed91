"""The filters that users type, in MLflow's syntax.

MLflow requires quotes around names with dots or slashes, and compares parameters as text only.
Here `params.noise.sigma = 0.1`, `tags.noise = 'none'` and `metrics.test/psnr > 5` all work as
typed.
"""

import re
from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne

COMPARED = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "!=": ne}
QUOTED = r"'[^']*'|\"[^\"]*\"|`[^`]*`"
NAME = re.compile(rf"({QUOTED})|\b((?:metric|param|parameter|tag)s?)\.([\w.\-/]+)")
AND = re.compile(r"\s+and\s+(?=[^']*(?:'[^']*'[^']*)*$)", re.IGNORECASE)  # outside of quotes
NUMERIC = re.compile(
    r"(?:param|parameter)s?\.[`\"]?([\w.\-/]+)[`\"]?\s*(<=|>=|!=|<|>|=)"
    r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)",
    re.IGNORECASE,
)


def all_of(*filters: str) -> str:
    """The filter for runs that pass each of these; an empty one lets all pass."""
    return " and ".join(filter(None, filters))


def parse(where: str) -> tuple[str, Callable[[Mapping[str, str]], bool] | None]:
    """Split a filter into one that MLflow understands, and a test of a run's parameters.

    The test does what MLflow cannot: compare parameters with numbers. It is None if the filter
    compares none.
    """
    clauses = AND.split(where.strip())
    numeric = [match for clause in clauses if (match := NUMERIC.fullmatch(clause))]
    if not numeric:
        return _with_backquotes(where), None
    rest = [clause for clause in clauses if not NUMERIC.fullmatch(clause)]

    def passes(params: Mapping[str, str]) -> bool:
        try:
            return all(
                COMPARED[operator](float(params[name]), float(number))
                for name, operator, number in (match.groups() for match in numeric)
            )
        except (KeyError, ValueError):  # the run has no such parameter, or it is not a number
            return False

    return _with_backquotes(all_of(*rest)), passes


def _with_backquotes(where: str) -> str:
    """The filter with backquotes around the names that have none, outside of quoted text."""

    def quoted(match: re.Match[str]) -> str:
        text, kind, name = match.groups()
        return text or f"{kind}.`{name}`"

    return NAME.sub(quoted, where)
