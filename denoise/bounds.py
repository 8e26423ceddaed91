"""The values that a setting may have, and the error message for any other value.

A field's annotation declares its values. `float` is any finite number, and the names below add
bounds. Values are checked once, where they enter: neither `true` nor `'1'` counts as 1.
"""

import contextlib
import inspect
import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

from denoise.errors import UserError

T = TypeVar("T")

STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
NARROWEST = 1e-6  # the least `high - low`, by which scaling divides


def _ascending(pair: tuple[T, T]) -> tuple[T, T]:
    low, high = pair
    if low > high:  # type: ignore[operator]
        raise ValueError
    return pair


NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveInt = Annotated[int, Field(ge=1)]
Interval = Annotated[
    tuple[T, T], Field(description="two numbers, the smaller first,"), AfterValidator(_ascending)
]


def check(key: str, value: object, annotation: Any) -> Any:
    """The `value` of the setting `key`; `UserError` if the `annotation` does not allow it."""
    return _checked(key, value, TypeAdapter(annotation, config=STRICT))


def arguments(kind: type, values: object, key: str) -> dict[str, Any]:
    """The `values` of the config node `key`, checked against the signature of the class `kind`.

    Where a class has both `low` and `high`, black and white, `high` must be the larger.
    `UserError` if a value is not allowed, a key is unknown, or one without a default is missing.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"{key} must be a group of settings, got {values!r}")
    try:
        adapters, required = _signature(kind)
    except (NameError, TypeError, ValueError, PydanticUserError) as error:  # of a user's own class
        name = f"{kind.__module__}.{kind.__qualname__}"
        raise UserError(f"{key}: the annotations of {name} cannot be checked ({error})") from None
    has = f"{key} has {', '.join(adapters) or 'no keys'}"
    for name, value in values.items():
        if name not in adapters:
            raise UserError(f"{key}.{name}={value}: {key}.{name} is not a key; {has}")
    for name in required:
        if name not in values:
            raise UserError(f"{key}.{name} is missing; {has}")
    made = {name: _checked(f"{key}.{name}", each, adapters[name]) for name, each in values.items()}
    if {"low", "high"} <= made.keys() and made["high"] - made["low"] < NARROWEST:
        raise UserError(
            f"{key}.high must be greater than {key}.low, which is {made['low']}, got {made['high']}"
        )
    return made


def settings(kind: type[T], values: object, key: str) -> T:
    """The config node `key`, whose `values` are checked, as an object of the class `kind`."""
    return kind(**arguments(kind, values, key))


@cache
def _signature(kind: type) -> tuple[dict[str, TypeAdapter[Any]], list[str]]:
    """A checker for each argument that a class takes by name, and those without a default."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(kind, eval_str=True).parameters.values()
    named = [each for each in parameters if each.kind in kinds]
    annotations = {
        each.name: Any if each.annotation is each.empty else each.annotation for each in named
    }
    adapters = {name: TypeAdapter(each, config=STRICT) for name, each in annotations.items()}
    return adapters, [each.name for each in named if each.default is each.empty]


def _checked(key: str, value: object, adapter: TypeAdapter[Any]) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        # YAML has no tuples, paths or enums: pydantic makes them of JSON's values, and so do we.
        with contextlib.suppress(TypeError, ValidationError):
            return adapter.validate_json(json.dumps(value))
        raise UserError(f"{key} {_objection(error, adapter)}, got {value!r}") from None


def _objection(error: ValidationError, adapter: TypeAdapter[Any]) -> str:
    """What a value must be, or pydantic's message for an annotation that we cannot describe."""
    try:
        return f"must be {_allowed(adapter.json_schema())}"
    except (PydanticInvalidForJsonSchema, KeyError):
        return f"is not allowed ({error.errors()[0]['msg']})"


TYPES = {
    "integer": "a whole number",
    "number": "a finite number",
    "boolean": "true or false",
    "string": "text",
    "object": "a group of settings",
    "array": "a list",
    "null": "null",
}
SIGNS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def _allowed(schema: Mapping[str, Any]) -> str:
    """What a JSON schema allows, in words."""
    if "anyOf" in schema:
        return " or ".join(map(_allowed, schema["anyOf"]))
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if "const" in schema:
        return str(schema["const"])
    what = schema.get("description") or TYPES[schema["type"]]
    return f"{what}{_range(*schema.get('prefixItems', [schema])[:1])}"


def _range(schema: Mapping[str, Any]) -> str:
    """The bounds of a number, if it has any."""
    if {"minimum", "maximum"} <= schema.keys():
        return f" from {schema['minimum']} to {schema['maximum']}"
    bounds = [f"{sign} {schema[name]}" for name, sign in SIGNS.items() if name in schema]
    return f" {' and '.join(bounds)}" if bounds else ""
