"""The calibrated walk as programs: its gradients by enumeration, both texts, and estimators that carry their cost along."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gradverify.estimators.enumeration import Enumeration
from gradverify.estimators.registry import ESTIMATORS
from gradverify.verification.problems import find_problems
from gradverify.verification.problems.calibration_walk import Text, path_program
from gradverify.verification.truth.references import find_reference

Z = 4.9  # a sound mean fails one case with probability 1e-6; 4 cases, seeds fixed
ROWS = 20_000
AT = torch.tensor(3.0, dtype=torch.float64)
TARGET = torch.tensor([0.4, -1.3, 2.0, 0.7, -0.2, 1.1], dtype=torch.float64)


def cost(position: Tensor, k: int) -> Tensor:
    return (position - TARGET[k]) ** 2


def exact(text: Text = "bit") -> float:
    return float(Enumeration()(path_program(6, cost, text=text), AT, 1, torch.Generator()))


def test_exact_gradients_are_those_of_all_paths() -> None:
    for problem in find_problems(["calibration_walk:10"], quick=False):
        every_path = Enumeration()(problem.program, problem.params, 1, torch.Generator())
        reference = find_reference(problem, 0, 0.1)
        assert reference.exact
        assert float(reference.gradient[0]) == pytest.approx(float(every_path), rel=1e-11), problem.name


def test_both_texts_have_one_gradient() -> None:
    assert exact("categorical") == pytest.approx(exact("bit"), rel=1e-12)


def test_rows_walk_at_their_own_points() -> None:
    """A row's own shift adds to theta."""
    points = torch.tensor([3.0, 3.0, 11.0, 11.0], dtype=torch.float64)
    program = path_program(6, cost, shift=lambda rows: points.repeat_interleave(rows // 4))
    origin = torch.zeros((), dtype=torch.float64)
    shifted = ESTIMATORS["leave_one_out"](program, origin, 4, torch.Generator().manual_seed(0))
    plain = ESTIMATORS["leave_one_out"](path_program(6, cost), AT, 4, torch.Generator().manual_seed(0))
    torch.testing.assert_close(shifted[:2], plain[:2])
    assert not torch.isclose(shifted[2:], plain[2:]).any()


@pytest.mark.parametrize("name", ["score_function", "leave_one_out", "stochastic_triple", "conditional_triple"])
def test_unbiased_estimators_find_the_gradient_of_a_whole_path(name: str) -> None:
    """A bias of 4 % (the widest of the four) would be seen with probability 97.5 %, which the last line plants."""
    rows = ESTIMATORS[name](path_program(6, cost), AT, ROWS, torch.Generator().manual_seed(2))
    truth, error = exact(), float(rows.std()) / ROWS**0.5
    assert abs(float(rows.mean()) - truth) < Z * error
    planted = (Z + 1.96) * error
    assert planted < 0.15 * abs(truth)
    assert abs(float(rows.mean()) - (truth + 1.5 * planted)) > Z * error
