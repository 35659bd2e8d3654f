"""On a stand-in for an accelerator: every estimator stays on its parameters' device, and the host does not wait in a loop.

Rows must be those of the CPU but for rounding: the stand-in computes there.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import Estimator, Program, Sample
from gradverify.estimators.protocol import describe

from .fused.chains import walk
from .laws import fitted, rows_of
from .other_device import OTHER, local, other_device
from .programs import Case, applies
from .test_laws import PILOT, PILOT_STEPS, RUNNABLE, pairs_of

WAITING = {
    "local_expectation": "whether an outcome is impossible, before it runs the program on",
    "flip_all": "which outcomes are possible, before it runs the program on from every other",
    "measure_valued": "which outcomes are possible, before it runs the program on from every other",
    "conditional_triple": "how many alternatives differ",
    "conditional_triple_control_variate": "how many alternatives differ",
}
"""Estimators that ask numbers of the device at every step, and what they ask."""


def bits(count: int) -> Program:
    """The square of a sum of independent bits, drawn one by one."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        probability = torch.exp(-1 / params)
        return (1 + sum(sample(Bernoulli(probability, validate_args=False)) for _ in range(count))) ** 2

    return program


def lengthened(estimator: Estimator, steps: int) -> Case | None:
    """A program of that many steps: a walk where it applies, else independent bits, where these do."""
    cases = (
        Case(f"walk {steps}", walk(steps), 3.0, (Bernoulli,)),
        Case(f"bits {steps}", bits(steps), 3.0, (Bernoulli,), chained=False),
    )
    return next((each for each in cases if applies(estimator, each)), None)


def on_the_other_device(estimator: Estimator, case: Case, monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, Tensor, list[str]]:
    """Rows there, rows here, and the operations at which the host waited while the first were drawn."""
    params = case.point(torch.float64)
    here = rows_of(fitted(estimator, case.program, params, num_samples=PILOT, steps=PILOT_STEPS), case.program, params, 7)
    with other_device(monkeypatch) as waits:
        params = params.to(OTHER)
        learnt = fitted(estimator, case.program, params, num_samples=PILOT, steps=PILOT_STEPS)
        waits.clear()
        there = rows_of(learnt, case.program, params, 7)
        return local(there), here, list(waits)


@pairs_of(RUNNABLE)
def test_rows_are_drawn_there_and_are_the_same(estimator: Estimator, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    there, here, _ = on_the_other_device(estimator, case, monkeypatch)
    torch.testing.assert_close(there, here, rtol=0, atol=1e-12 * float(1 + here.abs().max()))


@pytest.mark.parametrize("name", [name for name, each in RUNNABLE.items() if Bernoulli in describe(each).sites])
def test_no_step_makes_the_host_wait(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the steps, as many waits."""
    few, many = (waits_of(RUNNABLE[name], steps, monkeypatch) for steps in (2, 4))
    assert (len(many) > len(few)) == (name in WAITING), many


def waits_of(estimator: Estimator, steps: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    case = lengthened(estimator, steps)
    assert case is not None
    return on_the_other_device(estimator, case, monkeypatch)[2]


def test_what_an_accelerator_refuses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in itself: noise made on the host, arrays of remote tensors, and waits that go unnoticed elsewhere."""
    with other_device(monkeypatch) as waits:
        params = torch.ones(3, device=OTHER)
        with pytest.raises(RuntimeError, match="tensors on meta and cpu"):
            params + torch.rand(3)
        with pytest.raises(TypeError, match="another device"):
            params.numpy()
        assert not waits
        assert bool((params > 0).all())
        assert params[params > 0].tolist() == [1.0, 1.0, 1.0]
        assert len(waits) == 3
