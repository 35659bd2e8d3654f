"""The contracts: what a program may return, what an estimator says of itself, one backward pass for all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import jaxtyping
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import (
    Claims,
    Estimator,
    NoGradientPathError,
    NotApplicableError,
    Sample,
    StochasticTriple,
    UnsupportedSiteError,
)
from gradverify.estimators.protocol import ALL_SITES, Program, describe, evaluate, row_gradients, row_leaf
from gradverify.estimators.runs.tape import sampling


def _sample(rows: int) -> Sample:
    return sampling(rows, torch.Generator())


def _silent(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
    return params.expand(num_samples, *params.shape)


@dataclass(frozen=True)
class _Talkative:
    """An estimator of somebody else's, which fills in everything."""

    claims = Claims(bias="biased", exact_degree=3, variance_exponent=0.5, note="beautiful")
    sites = [Bernoulli]  # noqa: RUF012
    needs_differentiable = 1
    deterministic = True
    forward = "relaxed"
    evaluations = None
    reference = "Nobody 1900"

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return _silent(program, params, num_samples, generator)


def test_a_bare_function_is_an_estimator_with_defaults() -> None:
    assert isinstance(_silent, Estimator)
    described = describe(_silent)
    assert described.claims == Claims(bias="unbiased", exact_degree=None, variance_exponent=None, note="")
    assert described.sites == ALL_SITES
    assert (described.needs_differentiable, described.deterministic) == (False, False)
    assert (described.evaluations, described.forward, described.reference) == (1, "law", "")


def test_what_an_estimator_says_is_read() -> None:
    described = describe(_Talkative())
    assert described.claims.exact_degree == 3
    assert described.sites == (Bernoulli,)
    assert described.needs_differentiable is True
    assert described.deterministic is True
    assert described.forward == "relaxed"
    assert described.evaluations is None
    assert described.reference == "Nobody 1900"


def test_the_old_spelling_of_no_gradient_is_accepted_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The types no longer allow it, so the import hook of the tests, which enforces them, is switched off here."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.warns(DeprecationWarning, match=r'"no_gradient" is spelt "no-gradient"'):
        old = Claims(bias="no_gradient")  # type: ignore[arg-type]
    assert old == Claims(bias="no-gradient")


def test_evaluations_may_depend_on_hyper_parameters() -> None:
    assert [describe(StochasticTriple(lanes=lanes)).evaluations for lanes in (1, 3)] == [2, 4]


def test_claims_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Claims().bias = "biased"  # type: ignore[misc]


def test_errors_can_be_told_apart() -> None:
    assert issubclass(UnsupportedSiteError, NotApplicableError)
    assert issubclass(NotApplicableError, ValueError)
    assert not issubclass(NoGradientPathError, NotApplicableError)


@pytest.mark.parametrize(
    ("objective", "found"),
    [
        (lambda params: params.sum(), r"returned \(\) for 3 rows"),
        (lambda params: params.unsqueeze(1), r"returned \(3, 1\) for 3 rows"),
        (lambda params: params[:2], r"returned \(2,\) for 3 rows"),
        (lambda params: 1.0, "returned float for 3 rows"),
        (lambda params: None, "returned NoneType for 3 rows"),
    ],
)
def test_an_objective_of_another_shape_is_refused(objective: Callable[[Tensor], Any], found: str) -> None:
    with pytest.raises(TypeError, match=found + r".*expected a tensor of shape \(3,\)"):
        evaluate(lambda params, sample: objective(params), torch.zeros(3), _sample(3))


def test_evaluate_returns_the_objective() -> None:
    params = torch.arange(6.0).reshape(3, 2)
    objective = evaluate(lambda rows, sample: rows.sum(1) + sample(Bernoulli(torch.ones(3))), params, _sample(3))
    assert objective.tolist() == [2.0, 6.0, 10.0]


def test_row_gradients_are_those_of_each_row() -> None:
    params = torch.tensor([1.0, 2.0], dtype=torch.float64)
    leaf = row_leaf(params, 3)
    assert leaf.shape == (3, 2)
    scale = torch.tensor([1.0, -2.0, 5.0], dtype=torch.float64)
    gradient = row_gradients(scale * leaf[:, 0] ** 2 * leaf[:, 1], leaf)
    assert gradient.tolist() == [[4.0, 1.0], [-8.0, -2.0], [20.0, 5.0]]
    assert not gradient.requires_grad
    assert not params.requires_grad


def test_rows_that_cannot_be_differentiated_are_refused() -> None:
    with pytest.raises(TypeError, match=r"params are torch\.int64; .* floating parameters"):
        row_leaf(torch.ones(2, dtype=torch.int64), 3)
    for rows in (0, -1):
        with pytest.raises(ValueError, match=rf"{rows} rows were asked for; num_samples must be at least 1"):
            row_leaf(torch.ones(2), rows)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_row_gradients_of_a_constant_are_zero(shape: tuple[int, ...]) -> None:
    leaf = row_leaf(torch.ones(shape), 4)
    unrelated = torch.zeros(4, requires_grad=True)
    for surrogate in (torch.ones(4), 2 * unrelated):
        gradient = row_gradients(surrogate, leaf)
        assert gradient.shape == (4, *shape)
        assert not gradient.any()
        assert not gradient.requires_grad


def test_shapes_are_checked_in_the_tests() -> None:
    """Otherwise the import hook of conftest.py is not in force, and the annotations are decoration."""
    with pytest.raises(jaxtyping.TypeCheckError, match="surrogate"):
        row_gradients(torch.zeros(2, 2), torch.zeros(2))
    with pytest.raises(jaxtyping.TypeCheckError, match="surrogate"):
        row_gradients(torch.zeros(2, dtype=torch.int64), torch.zeros(2))
