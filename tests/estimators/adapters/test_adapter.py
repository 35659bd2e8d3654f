"""The common part of the adapters: state is put back before every call, and declared claims are kept."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from gradverify.estimators import Claims
from gradverify.estimators.adapters import ForeignHints, as_estimator

from . import foreign
from .test_black_box import LOGITS as FOUR
from .test_black_box import three_bits
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
    spread = [float(each(three_bits, FOUR, 4096, seeded()).var(0).sum()) for each in (cold, warm)]
    assert spread[1] < 0.8 * spread[0]


class Declaring(Forgetting):
    """A sampler that declares its bias."""

    claims = Claims(bias="biased")


def test_declared_claims_are_kept_and_the_default_is_unbiased() -> None:
    assert as_estimator(Declaring(), "mine").claims == Claims(bias="biased")  # type: ignore[attr-defined]
    assert as_estimator(Forgetting(), "mine").claims == Claims()  # type: ignore[attr-defined]
