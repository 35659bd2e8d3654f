"""The place of an exception: the last call of the user's own code, with file and line."""

from __future__ import annotations

import torch

from gradverify.estimators.adapters.locating import describe_error


def raise_here() -> None:
    raise ZeroDivisionError("no rows")


def catch(function: object) -> BaseException:
    try:
        function()  # type: ignore[operator]
    except Exception as error:
        return error
    raise AssertionError("it raised nothing")


def test_the_place_is_that_of_the_users_code() -> None:
    line = raise_here.__code__.co_firstlineno + 1
    assert describe_error(catch(raise_here)) == f"ZeroDivisionError at test_locating.py, line {line}: no rows"


def test_an_exception_inside_a_library_is_placed_at_the_call_of_it() -> None:
    found = describe_error(catch(lambda: torch.distributions.Bernoulli(torch.tensor(2.0))))
    assert found.startswith("ValueError at test_locating.py, line ")


class UnspeakableError(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("nothing to say")


def test_an_exception_that_cannot_say_what_it_is_is_described() -> None:
    assert describe_error(UnspeakableError()) == "UnspeakableError: (its message raised ValueError)"
    assert len(describe_error(ValueError("x" * 1000))) < 300
