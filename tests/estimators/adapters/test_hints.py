"""Hints for foreign code: their defaults leave everything to probing, and the old name still works."""

from __future__ import annotations

import pytest

from gradverify.estimators import adapters
from gradverify.estimators.adapters import ForeignHints


def test_the_defaults_state_nothing() -> None:
    assert ForeignHints() == ForeignHints("", "", "cold", "discrete", 0)


def test_the_old_name_warns_and_is_the_same_class() -> None:
    with pytest.warns(DeprecationWarning, match="Wanted was renamed; use ForeignHints instead"):
        old = adapters.Wanted
    assert old is ForeignHints


def test_the_old_name_of_the_fork_warns_as_well() -> None:
    with pytest.warns(DeprecationWarning, match="forked was renamed; use fork_randomness instead"):
        assert adapters.forked is adapters.fork_randomness


def test_another_name_is_missing_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Wnated'"):
        adapters.Wnated  # noqa: B018
