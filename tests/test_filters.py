"""Filters as users type them."""

import pytest

from denoise.tracking.filters import parse

PARAMS = {"noise.sigma": "0.1", "seed": "2"}


@pytest.mark.parametrize(
    ("typed", "for_mlflow"),
    {
        "tags.noise = 'none'": "tags.`noise` = 'none'",
        "metrics.test/psnr > 5": "metrics.`test/psnr` > 5",
        "metrics.`test/psnr` > 5": "metrics.`test/psnr` > 5",
        "params.model.name LIKE 'a.b/c'": "params.`model.name` LIKE 'a.b/c'",
        'params."noise.sigma" = "params.a.b"': 'params."noise.sigma" = "params.a.b"',
        "attributes.run_id IN ('a', 'b')": "attributes.run_id IN ('a', 'b')",
        "": "",
    }.items(),
)
def test_names_with_dots_and_slashes_are_quoted(typed: str, for_mlflow: str) -> None:
    assert parse(typed) == (for_mlflow, None)


@pytest.mark.parametrize(
    ("typed", "is_found"),
    [
        ("params.noise.sigma = 0.1", True),
        ("params.noise.sigma = 1e-1", True),
        ("params.`noise.sigma` >= .5", False),
        ("params.seed < 3 AND params.seed != 1", True),
        ("params.seed < 3 and params.noise.sigma > 0.2", False),
        ("params.lost = 1", False),
    ],
)
def test_params_are_compared_with_numbers(typed: str, is_found: bool) -> None:
    rest, passes = parse(typed)
    assert rest == ""
    assert passes
    assert passes(PARAMS) == is_found


def test_an_and_inside_quotes_does_not_end_a_clause() -> None:
    rest, passes = parse("tags.sweep = 'this and that' and params.seed = 2")
    assert rest == "tags.`sweep` = 'this and that'"
    assert passes
    assert passes(PARAMS)
