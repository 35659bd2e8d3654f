"""Trials: one call of a copy, its error recorded, and the values that are passed."""

from __future__ import annotations

import torch
from torch import Tensor

from gradverify.estimators.adapters import ForeignHints, SamplerConvention
from gradverify.estimators.adapters.reading import PROBABILITIES
from gradverify.estimators.adapters.trial import Trial, make_parameters, make_samples

THETA = (("", "theta"),)


def test_an_invitation_to_write_to_others_is_left_out() -> None:
    trial = Trial(torch.bernoulli, (), ForeignHints())
    assert trial.attempt(SamplerConvention(THETA, "logits"), {"theta": make_parameters("logits")}) is None
    (message,) = trial.errors
    assert message.startswith("it raised RuntimeError: ")
    assert "improved" not in message


def test_every_call_has_the_same_randomness_and_a_copy_of_the_target() -> None:
    class Counter:
        calls = 0

        def __call__(self, probs: Tensor) -> Tensor:
            self.calls += 1
            return torch.bernoulli(probs)

    target = Counter()
    trial = Trial(target, (), ForeignHints())
    filled = {"theta": make_parameters("probs", rows=8)}
    first, second = (trial.attempt(SamplerConvention(THETA, "probs"), filled) for _ in range(2))
    assert torch.equal(first, second)
    assert (target.calls, trial.errors) == (0, [])


def test_errors_are_shared_by_all_forms_of_a_trial() -> None:
    trial = Trial(None, (), ForeignHints())
    form = trial.with_form("vectors", "float32")
    form.errors.append("a call raised")
    assert (form.layout, form.passed, trial.errors) == ("vectors", "float32", ["a call raised"])


def test_candidates_are_chosen_by_their_roles() -> None:
    candidates = (THETA, (("", "theta"), ("", "sample")), (("f", "objective"), ("", "theta")))
    trial = Trial(None, candidates, ForeignHints())
    assert list(trial.arguments_for("theta", "objective")) == [candidates[2]]
    assert list(trial.arguments_for("theta")) == list(candidates)


def test_parameters_and_samples_have_the_probing_law() -> None:
    """4,096 rows: an indicator's mean is within 0.025 with a false-fail rate below 1e-2 a figure, at a fixed seed."""
    expected = torch.tensor(PROBABILITIES, dtype=torch.float64)
    torch.testing.assert_close(make_parameters("logits", rows=2).softmax(-1).detach(), expected.expand(2, -1))
    torch.testing.assert_close(make_parameters("logits", bits=True, rows=1).sigmoid().detach()[0], expected)
    for form in ("one-hot", "value"):
        assert float((make_samples(form).mean(0) - expected).abs().max()) < 0.025
    assert torch.equal(make_samples("index"), make_samples("one-hot").argmax(-1))
