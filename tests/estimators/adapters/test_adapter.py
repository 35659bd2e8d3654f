"""The common part of the adapters: state is put back before every call, and declared claims are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from gradverify.estimators import Claims, Sample
from gradverify.estimators.adapters import ForeignHints, as_estimator, convention_of

from ..intervals import QUANTILE, z_scores
from . import foreign
from .test_black_box import LOGITS as FOUR
from .test_black_box import exact, three_bits
from .test_sampler import LOGITS, one_hot_linear, seeded


class Forgetting:
    """A sampler that drifts with every call: its temperature falls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, logits: Tensor) -> Tensor:
        self.calls += 1
        return functional.gumbel_softmax(logits, tau=4.0 / self.calls, hard=True)


def test_state_is_put_back_before_every_call_cold_or_warm() -> None:
    subject = Forgetting()
    cold = as_estimator(subject, "mine")
    warm = as_estimator(subject, "mine", ForeignHints(state="warm"))
    warm = warm.fit(one_hot_linear, LOGITS, num_samples=64, generator=seeded(9))  # type: ignore[attr-defined]
    assert subject.calls == 0
    rows = [each(one_hot_linear, LOGITS, 16, seeded()) for each in (cold, cold, warm, warm)]
    assert torch.equal(rows[0], rows[1])
    assert torch.equal(rows[2], rows[3])
    assert not torch.equal(rows[0], rows[2])
    assert cold.fit(one_hot_linear, LOGITS, num_samples=64, generator=seeded(9)) is cold  # type: ignore[attr-defined]


def test_a_baseline_that_remembers_starts_warm_where_it_is_asked_to() -> None:
    """Warm, its baseline is near the objective's mean, and the variance lower; the seed is fixed."""
    cold = as_estimator(foreign.MovingBaseline, "mine")
    warm = as_estimator(foreign.MovingBaseline, "mine", ForeignHints(state="warm"))
    warm = warm.fit(three_bits, FOUR, num_samples=4096, generator=seeded(5))  # type: ignore[attr-defined]
    once = replace(convention_of(cold), calls=1, group=1)  # type: ignore[call-arg]
    single_calls = [replace(each, convention=once) for each in (cold, warm)]  # type: ignore[type-var]
    spread = [float(each(three_bits, FOUR, 4096, seeded()).var(0).sum()) for each in single_calls]
    assert spread[1] < 0.8 * spread[0]


class Leaky:
    """A moving baseline that takes in the current costs before it is subtracted."""

    def __init__(self) -> None:
        self.mean = 0.0

    def __call__(self, log_prob: Tensor, cost: Tensor) -> Tensor:
        self.mean = 0.5 * self.mean + 0.5 * float(cost.mean())
        return (log_prob * (cost - self.mean)).mean()


class Sound(Leaky):
    """The same, which takes them in afterwards."""

    def __call__(self, log_prob: Tensor, cost: Tensor) -> Tensor:
        loss = (log_prob * (cost - self.mean)).mean()
        self.mean = 0.5 * self.mean + 0.5 * float(cost.mean())
        return loss


def make_leaky() -> Any:
    """Return the leaky baseline with its state in a closure."""
    mean = 0.0

    def loss(log_prob: Tensor, cost: Tensor) -> Tensor:
        nonlocal mean
        mean = 0.5 * mean + 0.5 * float(cost.mean())
        return (log_prob * (cost - mean)).mean()

    return loss


class LateLeak(Leaky):
    """Leaks from its second call on, so that one call from the state as loaded shows nothing."""

    def __call__(self, log_prob: Tensor, cost: Tensor) -> Tensor:
        leak = 0.5 * float(cost.mean()) if self.mean else 0.0
        self.mean = 1.0
        return (log_prob * (cost - leak)).mean()


@pytest.mark.parametrize(
    ("target", "share"), [(Sound(), 1.0), (Leaky(), 0.75), (make_leaky(), 0.75), (LateLeak(), 1 - 0.25 * 3 / 4)]
)
def test_state_belongs_to_a_replicate(target: Any, share: float) -> None:
    """A mean of its own cost, by half, takes a quarter of the gradient at two rows; three quarters of that where it leaks late.

    False-fail rate 9.6e-7 a coordinate. A replicate that starts from the state of another would not be isolated.
    """
    estimator = as_estimator(target, "mine")
    assert (convention_of(estimator).group, convention_of(estimator).to_record()["calls"]) == (2, 4)
    rows = estimator(three_bits, FOUR, 600, seeded(3))
    assert float(z_scores(rows, share * exact(three_bits)).max()) < QUANTILE

    def loud(params: Tensor, sample: Sample) -> Tensor:
        objective = three_bits(params, sample)
        return torch.cat((1e3 * objective[:1], objective[1:]))

    changed = (estimator(loud, FOUR, 16, seeded(1)) != estimator(three_bits, FOUR, 16, seeded(1))).any(1)
    assert changed.tolist() == [True] + [False] * 15


class Declaring(Forgetting):
    """A sampler that declares its bias."""

    claims = Claims(bias="biased")


def test_declared_claims_are_kept_and_the_default_is_unbiased() -> None:
    assert as_estimator(Declaring(), "mine").claims == Claims(bias="biased")  # type: ignore[attr-defined]
    assert as_estimator(Forgetting(), "mine").claims == Claims()  # type: ignore[attr-defined]
