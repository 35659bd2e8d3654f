"""Other packages' estimators as they are shipped, beside this package's own of the same name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import distributions
from torch.nn import functional

from gradverify.estimators import Estimator, GumbelSoftmax, ReinMax, StraightThrough, StraightThroughGumbelSoftmax
from gradverify.estimators.adapters import as_estimator
from gradverify.verification import verify
from gradverify.verification.problems import find_problems

ROWS = 20_000
QUANTILE = 4.9  # two-sided: equal means are found unequal in one coordinate with probability 9.6e-7


def from_package(package: str, name: str) -> Callable[[], Any]:
    """An attribute of a package that may not be there."""
    return lambda: functools.reduce(getattr, name.split("."), pytest.importorskip(package))


SAME: dict[str, tuple[Callable[[], Any], Estimator]] = {
    "gumbel_softmax": (lambda: functional.gumbel_softmax, GumbelSoftmax(1.0)),
    "gumbel_softmax-hard": (
        lambda: functools.partial(functional.gumbel_softmax, hard=True),
        StraightThroughGumbelSoftmax(1.0),
    ),
    "RelaxedOneHotCategorical": (lambda: distributions.RelaxedOneHotCategorical, GumbelSoftmax(1.0)),
    "OneHotCategoricalStraightThrough": (lambda: distributions.OneHotCategoricalStraightThrough, StraightThrough()),
    "reinmax": (from_package("reinmax", "reinmax"), ReinMax(1.0)),
    "pyro-RelaxedOneHotCategorical": (
        from_package("pyro.distributions", "RelaxedOneHotCategorical"),
        GumbelSoftmax(1.0),
    ),
    "pyro-RelaxedOneHotCategoricalStraightThrough": (
        from_package("pyro.distributions", "RelaxedOneHotCategoricalStraightThrough"),
        StraightThroughGumbelSoftmax(1.0),
    ),
    "pyro-OneHotCategoricalStraightThrough": (
        from_package("pyro.distributions", "OneHotCategoricalStraightThrough"),
        StraightThrough(),
    ),
}


def z_scores(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    error = (first.var(0) / len(first) + second.var(0) / len(second)).sqrt()
    return (first.mean(0) - second.mean(0)).abs() / error


@pytest.mark.parametrize("name", SAME)
def test_it_has_the_mean_of_our_own(name: str) -> None:
    """False-fail rate 9.6e-7 a coordinate; scaled by 1.3 it would have been seen."""
    find, ours = SAME[name]
    theirs = as_estimator(find(), name)
    (problem,) = find_problems(["categorical_one_hot:4/cubic"], quick=False)
    rows = [
        each(problem.program, problem.params, ROWS, torch.Generator().manual_seed(seed))
        for seed, each in enumerate((theirs, ours))
    ]
    assert float(z_scores(*rows).max()) < QUANTILE
    assert float(z_scores(1.3 * rows[0], rows[1]).max()) > QUANTILE


@pytest.mark.parametrize(
    ("find", "problem", "outcome"),
    [
        (SAME["reinmax"][0], "categorical_one_hot:4/cubic", "biased"),
        (SAME["OneHotCategoricalStraightThrough"][0], "categorical_one_hot:4/linear", "unbiased"),
        (from_package("pyro.distributions", "RelaxedBernoulliStraightThrough"), "bernoulli:0.3/cubic", "biased"),
    ],
    ids=["reinmax", "OneHotCategoricalStraightThrough", "pyro-RelaxedBernoulliStraightThrough"],
)
def test_it_is_verified_as_shipped(find: Callable[[], Any], problem: str, outcome: str) -> None:
    """The record's own false-alarm rate, 1e-3, at a fixed seed."""
    cell = verify(find(), problem, tolerance=0.2).cells[-1]
    bias, law = cell.find("bias"), cell.find("forward_law")
    assert (cell.status, bias and bias.outcome, law and law.outcome) == ("ok", outcome, "pass")
    assert cell.claims["convention"]["kind"] == "sampler"
