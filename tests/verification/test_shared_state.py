"""The state that estimators share: what a call changes is named, put back, and changes no other cell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from textwrap import dedent

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import LeaveOneOut, ScoreFunction
from gradverify.estimators.protocol import Program
from gradverify.verification import verify
from gradverify.verification.drawing.rows import draw_rows
from gradverify.verification.problems.registry import find_problems
from gradverify.verification.record.record import Cell
from gradverify.verification.shared_state import call_estimator, kept_state

PROBLEM = find_problems(["bits:3/cubic"], quick=True)[0]
STEP = 0.05


class Careless:
    """A score function that does something to the world in calls of at least ``from_rows`` rows."""

    def __init__(self, harm: Callable[[Tensor], object], from_rows: int = 0) -> None:
        self.harm, self.from_rows = harm, from_rows

    def __call__(self, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        drawn = ScoreFunction()(program, params, rows, generator)
        if rows >= self.from_rows:
            self.harm(params)
        return drawn


def write_into(params: Tensor) -> None:
    params.sub_(STEP)


def replace_bernoulli(params: Tensor) -> None:
    torch.bernoulli = torch.rand_like


def override_inherited(params: Tensor) -> None:
    Categorical.rsample = Bernoulli.sample


def replace_method(params: Tensor) -> None:
    Bernoulli.sample = Bernoulli.expand


HARMS = {
    "the parameters that it was handed": write_into,
    "gradient mode": lambda params: torch.set_grad_enabled(False),
    "the default floating type": lambda params: torch.set_default_dtype(torch.float16),
    "NumPy's handling of floating-point errors": lambda params: np.seterr(all="ignore"),
    "the number of threads": lambda params: torch.set_num_threads(torch.get_num_threads() + 1),
    "torch.bernoulli": replace_bernoulli,
    "torch.distributions.bernoulli.Bernoulli.sample": replace_method,
    "torch.distributions.categorical.Categorical.rsample": override_inherited,
}


def draw(estimator: object) -> tuple[Tensor, str]:
    return call_estimator(estimator, PROBLEM.program, PROBLEM.params, 32, torch.Generator().manual_seed(1))


def judged(*estimators: object) -> list[Cell]:
    record = verify(list(estimators), "bits:3/cubic", workers=0, seed=1)
    return [cell for cell in record.cells if cell.estimator != "references"]


@pytest.mark.parametrize("name", HARMS)
def test_a_change_is_named_and_put_back(name: str) -> None:
    before = PROBLEM.params.clone()
    plain, silence = draw(ScoreFunction())
    rows, sentence = draw(Careless(HARMS[name]))
    assert name in sentence
    assert silence == ""
    assert torch.equal(PROBLEM.params, before)
    again, silence = draw(ScoreFunction())
    assert torch.equal(plain, again)
    assert torch.equal(plain, rows)
    assert silence == ""


@pytest.mark.parametrize("name", HARMS)
def test_the_state_is_put_back_after_an_exception(name: str) -> None:
    def fail(params: Tensor) -> None:
        HARMS[name](params)
        raise ArithmeticError("planted")

    plain, _ = draw(ScoreFunction())
    with pytest.raises(ArithmeticError, match="planted"):
        draw(Careless(fail))
    assert torch.equal(plain, draw(ScoreFunction())[0])
    assert torch.is_grad_enabled()


def test_what_pytorch_replaces_when_a_part_of_it_is_first_imported_is_no_change() -> None:
    """`torch._dynamo` wraps `torch.manual_seed` when it is imported, which any call may do first."""
    code = """
        import torch
        from gradverify.verification.shared_state import kept_state

        before = torch.manual_seed
        with kept_state() as changed:
            import torch._dynamo
        assert torch.manual_seed is not before, "nothing was replaced"
        print(changed)
    """
    result = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False)
    assert (result.stdout, result.returncode) == ("[]\n", 0), result.stderr


def test_a_wrapper_that_takes_the_name_of_what_it_wraps_is_a_change() -> None:
    before = torch.rand

    @wraps(before)
    def rand(*args: object, **kwargs: object) -> Tensor:
        return before(*args, **kwargs)

    with kept_state() as changed:
        torch.rand = rand
    assert changed == ["torch.rand"]
    assert torch.rand is before


def test_global_generators_are_put_back() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    with kept_state() as changed:
        torch.rand(1000)
        np.random.rand(3)
    assert torch.equal(torch.rand(4), expected)
    assert changed == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_that_are_moved_and_moved_back_are_no_fault(dtype: torch.dtype) -> None:
    def shake(params: Tensor) -> None:
        for _ in range(100):
            params.add_(0.1).sub_(0.1)

    params = PROBLEM.params.to(dtype)
    _, sentence = call_estimator(Careless(shake), PROBLEM.program, params, 8, torch.Generator())
    assert sentence == ""


def test_a_buffer_that_serves_all_calls_is_no_fault() -> None:
    buffer = torch.zeros(64, *PROBLEM.params.shape, dtype=PROBLEM.params.dtype)

    def reuse(program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        drawn = ScoreFunction()(program, params, rows, generator)
        return buffer[:rows].copy_(drawn) if rows <= len(buffer) else drawn

    first, second = (
        draw_rows(reuse, PROBLEM.program, PROBLEM.params, 64, torch.Generator().manual_seed(seed)) for seed in (1, 2)
    )
    assert not np.array_equal(first, second)
    (cell,) = judged(reuse)
    assert cell.find("conformance").outcome == "pass"
    assert cell.find("bias").outcome == "unbiased"


@pytest.mark.parametrize(("name", "from_rows"), [("the parameters", 2048), ("gradient mode", 0)])
def test_the_culprit_is_named_and_no_other_cell_changes(name: str, from_rows: int) -> None:
    harm = next(harm for key, harm in HARMS.items() if name in key)
    sound = [ScoreFunction(), LeaveOneOut()]
    careless, *others = judged(Careless(harm, from_rows), *sound)
    finding = careless.find("conformance")
    assert (finding.outcome, finding.details["reason"]) == ("failed", "shared state")
    assert name in finding.note
    assert careless.find("bias") is None or careless.find("bias").claim != "supported"
    for cell, kept in zip(others, judged(*sound), strict=True):
        assert cell.find("bias").estimate == kept.find("bias").estimate
        assert cell.find("bias").interval == kept.find("bias").interval
        assert cell.find("bias").num_samples == kept.find("bias").num_samples
        assert cell.find("bias").outcome == "unbiased"
