"""Fused estimators: the law of their rows is the eager estimator's, and they stand aside where they do not apply.

Laws are compared value by value with the eager estimator's exact law (false-fail rate 1e-6 a comparison), moments with exact
ones (two-sided 9.6e-7). `test_planted_bugs` shows what the comparison finds.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from gradverify.estimators import (
    ConditionalTriple,
    ConditionalTripleControlVariate,
    Estimator,
    FittedBaseline,
    LeaveOneOut,
    ScoreFunction,
    SmoothedTriple,
    StochasticTriple,
)
from gradverify.estimators import fused as fused_walks
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.fused import Fused, fuse, fused_objectives, walks
from gradverify.estimators.runs.exact import enumerate_branches, exact_moments
from gradverify.verification.problems.problem import Problem
from gradverify.verification.truth.known_moments import known_moments

from ..intervals import QUANTILE, variance_and_error, z_scores
from .chains import CHAINS, walk
from .law import FALSE_FAIL_RATE, misfit

kernels = pytest.importorskip("gradverify.estimators.fused.kernels", exc_type=ImportError)

ROWS = 200_000
ROWS_OF = {"numba": 1_000_000, "PyTorch": 400_000}
ESTIMATORS: dict[str, Estimator] = {
    "score": ScoreFunction(),
    "baseline": ScoreFunction(baseline=3.0),
    "fitted": FittedBaseline(baseline=-1.0),
    "leave_one_out": LeaveOneOut(group=3),
    "stochastic_triple": StochasticTriple(),
    "conditional_triple": ConditionalTriple(),
    "leave_one_out_flow": ConditionalTriple(flow="leave_one_out"),
    "control_variate": ConditionalTripleControlVariate(upward=1.3, downward=-0.4),
}


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_rows_have_the_eager_estimators_law(name: str, chain: str) -> None:
    (program, point), estimator = CHAINS[chain], ESTIMATORS[name]
    params = torch.tensor(point, dtype=torch.float64)
    assert fuse(estimator, program, params) == Fused(estimator, "numba")
    law = enumerate_branches(estimator, program, params, max_branches=2**20)
    for engine in ("numba", "PyTorch"):
        assert misfit(Fused(estimator, engine)(program, params, ROWS, _generator()), law) > FALSE_FAIL_RATE


@pytest.mark.parametrize(
    ("engine", "dtype"), [("numba", torch.float32), ("numba", torch.float64), ("PyTorch", torch.float32)], ids=str
)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_moments_on_a_long_walk(name: str, engine: str, dtype: torch.dtype) -> None:
    """60 steps: the mean and the variance against the exact ones; a variance off by 8 % would be seen."""
    program, estimator = walk(60), ESTIMATORS[name]
    exact = known_moments(estimator, Problem(name="walk:60", program=program, params=torch.tensor(60.0, dtype=torch.float64)))
    assert exact is not None
    params = torch.tensor(60.0, dtype=dtype)
    rows = Fused(estimator, engine)(program, params, ROWS_OF[engine], _generator(1))
    assert rows.dtype == dtype
    assert z_scores(rows, exact.mean) < QUANTILE
    variance, error = variance_and_error(rows)
    assert abs(variance - exact.variance) < QUANTILE * error
    assert (QUANTILE + 2) * error < 0.08 * exact.variance


def test_objectives_of_plain_runs() -> None:
    program, point = CHAINS["ring"]
    params = torch.tensor(point, dtype=torch.float64)
    objective = fused_objectives(program, params, ROWS, _generator())
    assert objective is not None
    assert z_scores(objective, enumerate_paths(program, params).mean().detach()) < QUANTILE


def test_a_step_that_depends_on_time_is_walked_with_its_own_tables() -> None:
    """An odd and an even number of such steps."""
    for length in (4, 7):
        program, params = CHAINS["clock"][0], torch.tensor(4.0, dtype=torch.float64)
        program = replace(program, num_steps=length, states=torch.arange(length + 1, dtype=torch.float64))
        law = enumerate_branches(ScoreFunction(), program, params)
        assert misfit(Fused(ScoreFunction())(program, params, ROWS, _generator()), law) > FALSE_FAIL_RATE


def test_same_seed_same_rows_and_other_seed_other_rows() -> None:
    program, params = walk(9), torch.tensor(9.0)
    first, again, other = (fuse(StochasticTriple(), program, params)(program, params, 500, _generator(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_more_rows_begin_with_the_same_rows() -> None:
    program, params = walk(9), torch.tensor(9.0)
    few, many = (Fused(ScoreFunction(), "numba")(program, params, rows, _generator()) for rows in (77, 500))
    assert torch.equal(few, many[:77])


class _Shouting(ScoreFunction):
    """Another estimator, whose rows are its own."""


@pytest.mark.parametrize(
    "estimator",
    [
        _Shouting(),
        SmoothedTriple(),
        ConditionalTriple(flow="leave_one_out", lanes=1),
        ConditionalTripleControlVariate(lanes=1),
    ],
    ids=lambda each: type(each).__name__,
)
def test_other_estimators_run_by_themselves(estimator: Estimator) -> None:
    assert fuse(estimator, walk(9), torch.tensor(9.0)) is estimator


def test_exact_mode_sees_the_eager_estimator() -> None:
    program, params = walk(5), torch.tensor(5.0, dtype=torch.float64)
    for estimator in (ScoreFunction(), StochasticTriple()):
        exact, through = exact_moments(estimator, program, params), exact_moments(Fused(estimator), program, params)
        assert exact == through


def test_without_numba_the_tables_are_walked_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, kernels.__name__, None)
    monkeypatch.delattr(fused_walks, "kernels")
    walks.engine_for.cache_clear()
    program, params = walk(5), torch.tensor(5.0)
    compiled = fuse(ScoreFunction(), program, params)
    objective = fused_objectives(program, params, 10, _generator())
    walks.engine_for.cache_clear()
    assert compiled == Fused(ScoreFunction(), "PyTorch")
    assert compiled(program, params, 100, _generator()).shape == (100,)
    assert objective is not None
    assert objective.shape == (10,)


@dataclass(frozen=True)
class Bug:
    """A line of the kernels, and what it says in the planted bug."""

    estimator: str
    chain: str
    line: str
    instead: str


BUGS = {
    "one uniform for two steps": Bug("score", "walk", "_row(words[one], bits[lane] << _HALF)", "_row(words[one], bits[lane])"),
    "last odd step left out": Bug("score", "walk", "if steps % 2:", "if steps % 2 > 1:"),
    "survival left out": Bug("conditional_triple", "walk", "else weight * transfer[row]", "else weight"),
    "slots not moved": Bug(
        "conditional_triple", "ring", "* len(slots) + to]\n        after", "* len(slots) + slot]\n        after"
    ),
    "second draw of a number left out": Bug("conditional_triple", "ring", "if len(rows) == 2:", "if len(rows) == 3:"),
    "survival drawn from the step's uniform": Bug(
        "stochastic_triple", "walk", "if bits[lane] << _HALF < survival[at]", "if bits[lane] < survival[at]"
    ),
    "met alternatives kept": Bug("stochastic_triple", "ring", "* (word[lane] != other[lane]) +", "+"),
    "newest alternative always taken": Bug(
        "stochastic_triple", "ring", "* 2.0**-32 * total[lane] < fresh[lane]", "* 0.0 < fresh[lane]"
    ),
}


@pytest.mark.parametrize("name", BUGS)
def test_planted_bugs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the kernels with one line wrong has another law: p-values below the false-fail rate."""
    bug = BUGS[name]
    source = Path(kernels.__file__).read_text()
    assert source.count(bug.line) >= 1
    (tmp_path / "planted.py").write_text(source.replace(bug.line, bug.instead).replace("cache=True", "cache=False"))
    spec = importlib.util.spec_from_file_location("planted", tmp_path / "planted.py")
    assert spec is not None
    assert spec.loader is not None
    planted = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(planted)
    monkeypatch.setattr(fused_walks, "kernels", planted)
    (program, point), estimator = CHAINS[bug.chain], ESTIMATORS[bug.estimator]
    params = torch.tensor(point, dtype=torch.float64)
    law = enumerate_branches(estimator, program, params, max_branches=2**20)
    assert misfit(Fused(estimator, "numba")(program, params, ROWS, _generator()), law) < FALSE_FAIL_RATE
