"""The moving-average baseline: its recursion, and that no row is part of its own baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import NotApplicableError, Program, Sample, ScoreFunction
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.moving_average import MovingAverageBaseline
from gradverify.estimators.protocol import evaluate, row_gradients, row_leaf
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.runs.tape import Tape, recording, sampling

POINT = torch.tensor([0.4, -2.3], dtype=torch.float64)


def two_bits(params: Tensor, sample: Sample) -> Tensor:
    bits = sample(Bernoulli(logits=params))
    return 3 + (bits[:, 0] + 2 * bits[:, 1] - 1.5 * bits.prod(1) + 0.5) ** 3


def test_fit_runs_the_recursion_over_pilot_batches() -> None:
    """The last batch is what is left; a second fit goes on from the first."""
    generator = torch.Generator().manual_seed(1)
    expected = 0.0
    for rows in (40, 40, 20):
        mean = two_bits(POINT.expand(rows, 2), sampling(rows, generator)).mean().item()
        expected = 0.8 * expected + 0.2 * mean
    estimator = MovingAverageBaseline(decay=0.8, batch=40)
    fitted = estimator.fit(two_bits, POINT, num_samples=100, generator=torch.Generator().manual_seed(1))
    assert fitted.baseline == pytest.approx(expected, rel=1e-12)
    assert replace(fitted, baseline=0.0) == estimator
    again = fitted.fit(two_bits, POINT, num_samples=40, generator=torch.Generator().manual_seed(2))
    mean = two_bits(POINT.expand(40, 2), sampling(40, torch.Generator().manual_seed(2))).mean().item()
    assert again.baseline == pytest.approx(0.8 * expected + 0.2 * mean, rel=1e-12)


def test_fitted_it_is_unbiased_and_varies_less() -> None:
    fitted = MovingAverageBaseline().fit(two_bits, POINT, num_samples=5000, generator=torch.Generator().manual_seed(1))
    mean, variance = exact_moments(fitted, two_bits, POINT)
    torch.testing.assert_close(mean, enumerate_paths(two_bits, POINT).gradient())
    assert (variance < exact_moments(ScoreFunction(), two_bits, POINT)[1]).all()


@pytest.mark.parametrize(
    ("options", "message"), [({"decay": 1.0}, "decay=1.0"), ({"decay": -0.1}, "decay"), ({"batch": 0}, "batch=0")]
)
def test_wrong_options_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(NotApplicableError, match=message):
        MovingAverageBaseline(**options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class UpdatedBeforeUse(MovingAverageBaseline):
    """Planted: the average takes in a batch of two rows before these rows use it."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        tape = Tape()
        leaf = row_leaf(params, 2 * num_samples)
        objective = evaluate(program, leaf, recording(len(leaf), generator, tape)).detach()
        average = self.decay * self.baseline + (1 - self.decay) * objective.reshape(-1, 2).mean(1).repeat_interleave(2)
        score = tape.draws[0].site.score_surrogate(tape.draws[0].index).sum(1)
        return row_gradients((objective - average) * score, leaf).reshape(num_samples, 2, -1).mean(1)


def test_planted_update_before_use_shrinks_the_gradient() -> None:
    """The gradient shrinks by exactly 1 - (1 - beta) / N."""
    exact = enumerate_paths(two_bits, POINT).gradient()
    mean, _ = exact_moments(UpdatedBeforeUse(baseline=7.0, decay=0.6), two_bits, POINT)
    torch.testing.assert_close(mean, exact * (1 - 0.4 / 2))
    torch.testing.assert_close(
        exact_moments(UpdatedBeforeUse(baseline=7.0, decay=0.999999), two_bits, POINT)[0], exact, rtol=1e-5, atol=0
    )
