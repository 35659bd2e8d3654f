"""Peak memory: counted where it can be counted by hand."""

from __future__ import annotations

import torch

from gradverify.estimators import ScoreFunction, StraightThrough
from gradverify.verification.problems.registry import find_problems
from gradverify.verification.studies.live_memory import peak_tensor_bytes


def test_what_is_freed_counts_no_more() -> None:
    def overwriting() -> None:
        x = torch.ones(1000)
        for _ in range(50):
            x = x + 1

    assert peak_tensor_bytes(overwriting) == 8000


def test_what_a_backward_pass_keeps_counts() -> None:
    def differentiating() -> None:
        leaf = torch.ones(1000, requires_grad=True)
        x = leaf
        for _ in range(50):
            x = x.sin()
        torch.autograd.grad(x.sum(), leaf)

    assert 200_000 < peak_tensor_bytes(differentiating) < 230_000


def test_views_and_changes_in_place_take_no_memory() -> None:
    assert peak_tensor_bytes(lambda: torch.ones(1000).reshape(10, 100).T.add_(1)) == 4000


def test_the_score_function_needs_no_more_for_a_longer_walk() -> None:
    def held(estimator: ScoreFunction | StraightThrough, length: int) -> int:
        (problem,) = find_problems([f"random_walk:{length}/square/p"], quick=False)
        return peak_tensor_bytes(lambda: estimator(problem.program, problem.params, 100, torch.Generator().manual_seed(0)))

    assert held(ScoreFunction(), 40) == held(ScoreFunction(), 10)
    assert held(StraightThrough(), 40) > 3 * held(StraightThrough(), 10)
