"""What a setting may be, said in one sentence to the person who set it."""

import math
from collections.abc import Collection
from numbers import Real

from denoise.errors import UserError


def number(key: str, value: object, *, low: float = -math.inf, high: float = math.inf) -> None:
    """Refuse a `value` that is not a finite number in [`low`, `high`]."""
    ok = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not (ok and low <= value <= high):  # type: ignore[operator]
        raise UserError(f"{key} must be a finite number{_bounds(low, high)}, got {value!r}")


def whole(key: str, value: object, *, low: int, high: float = math.inf) -> None:
    """Refuse a `value` that is not a whole number in [`low`, `high`]."""
    ok = isinstance(value, int) and not isinstance(value, bool)
    if not (ok and low <= value <= high):  # type: ignore[operator]
        raise UserError(f"{key} must be a whole number{_bounds(low, high)}, got {value!r}")


def interval(key: str, value: object, *, low: float = -math.inf, high: float = math.inf) -> None:
    """Refuse a `value` that is not two numbers, the smaller first, in [`low`, `high`]."""
    try:
        first, second = list(value)  # type: ignore[call-overload]
        number(key, first, low=low, high=high)
        number(key, second, low=first, high=high)
    except (TypeError, ValueError):
        raise UserError(
            f"{key} must be two numbers, the smaller first,{_bounds(low, high)}, got {value!r}"
        ) from None


def at_least(key: str, value: float, other: str, least: float) -> None:
    """Refuse a `value` below `least`, which is what `other`, in terms of other keys, comes to."""
    if value < least:
        raise UserError(f"{key} must be at least {other}, which is {least}, got {value!r}")


def one_of(key: str, value: object, allowed: Collection[object]) -> None:
    """Refuse a `value` that is not among the `allowed`."""
    if value not in allowed:
        raise UserError(f"{key} must be one of {', '.join(map(str, allowed))}, got {value!r}")


def _bounds(low: float, high: float) -> str:
    if math.isfinite(low) and math.isfinite(high):
        return f" from {low} to {high}"
    return f" >= {low}" if math.isfinite(low) else f" <= {high}" if math.isfinite(high) else ""
