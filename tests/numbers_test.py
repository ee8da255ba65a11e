"""A path names one number of a table, and whatever it cannot name it repeats."""

import re

import pytest

from helpers.figures import numbers

COLUMNS = {"p": ["0.1", "0.2", "0.3", "0.3"], "arm": ["a", "a", "a", "b"], "error": [1.0, 2.0, 3.0, 6.0]}


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("error/p=0.1", 1.0),
        ("error/p=0.10", 1.0),
        ("error/p=0.3,arm=b", 6.0),
        ("error/max", 6.0),
        ("error/min", 1.0),
        ("error/first", 1.0),
        ("error/last", 6.0),
        ("error/mean", 3.0),
        ("error/arm=a/median", 2.0),
        ("error/p=0.3/mean", 4.5),
        ("p/arm=b", 0.3),
    ],
)
def test_a_path_names_a_number(path, number):
    assert numbers.value(COLUMNS, path) == number


def test_rows_that_say_the_same_are_one():
    assert numbers.value({"n": [3, 3]}, "n") == 3


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("eror", "no column 'eror'; there are p, arm, error"),
        ("error/q=1", "no column 'q'"),
        ("error/sum", "expected column, column/name=value,... and a reduction (first, last"),
        ("error/p=0.1/p=0.2", "expected column"),
        ("error/p=0.9", "no row is left"),
        ("error/p=0.3", "2 rows are left; add a condition or one of first"),
        ("error", "4 rows are left"),
        ("arm/p=0.1", "could not convert string to float: 'a'"),
    ],
)
def test_what_a_path_cannot_name_is_repeated(path, said):
    with pytest.raises(ValueError, match=re.escape(repr(path)) + ".*" + re.escape(said)):
        numbers.value(COLUMNS, path)


def test_a_caption_is_filled():
    text = "From {=error/min .1f} to {=error/max}, {= error/p=0.3/mean .2e } between; $x_{1}$ stays."
    assert numbers.fill(text, COLUMNS) == "From 1.0 to 6, 4.50e+00 between; $x_{1}$ stays."


def test_negative_zero_prints_as_zero():
    assert numbers.printed(-0.0) == "0"
    assert numbers.printed(-0.0004, ".2f") == "0.00"
    assert numbers.printed(-0.4, ".0%") == "-40%"


def test_a_place_that_is_none_is_refused():
    with pytest.raises(
        ValueError, match=re.escape("'{=error/max d}': expected {=path} or {=path format}, such as .0f")
    ):
        numbers.fill("at {=error/max d}", COLUMNS)
    with pytest.raises(ValueError, match=re.escape("'{=}'")):
        numbers.fill("at {=}", COLUMNS)


def test_a_place_without_its_sign_is_refused():
    with pytest.raises(ValueError, match=re.escape("'{error max .2f}': a place in a caption starts with {=")):
        numbers.fill("from {error max .2f} on", COLUMNS)
