"""How estimators enter training: each graph's gradient against a sum over all its graphs, and who is turned away."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from gradverify.estimators import LeaveOneOut, MovingAverageBaseline, ScoreFunction
from gradverify.estimators.protocol import NoGradientPathError, NotApplicableError
from gradverify.estimators.registry import ESTIMATORS
from gradverify.verification.experiments.nri.sampling import (
    Decode,
    draw_hard,
    make_surrogate,
    prepare_estimator,
    update_estimator,
)

GRAPHS, EDGES = 3, 2
LOGITS = torch.tensor([[[0.3, -0.4], [0.8, 0.1]], [[-0.2, 0.9], [0.0, 0.0]], [[1.0, -1.0], [0.2, 0.5]]], dtype=torch.float64)
TARGETS = torch.tensor([0.4, 1.3, -0.6], dtype=torch.float64)
SCALE = torch.tensor([1.3, 0.7], dtype=torch.float64, requires_grad=True)


def decoding(graphs: int) -> Decode:
    """A loss of each graph's edges; the three graphs repeat, and m samples of a graph stand one behind the other."""

    def decode(edges: Tensor) -> Tensor:
        targets = TARGETS.repeat(graphs // GRAPHS).repeat_interleave(len(edges) // graphs)
        return ((edges[..., 1] * SCALE).sum(-1) - targets) ** 2 + 0.5 * edges[..., 1].prod(-1)

    return decode


decode = decoding(GRAPHS)


def exact(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of every graph's expected loss in its logits, and of their mean in scale."""
    leaf = logits.clone().requires_grad_()
    total = torch.zeros((), dtype=torch.float64)
    for outcome in product((0, 1), repeat=EDGES):
        edges = torch.nn.functional.one_hot(torch.tensor(outcome), 2).double().expand(GRAPHS, EDGES, 2)
        probability = (leaf.log_softmax(-1) * edges).sum((-1, -2)).exp()
        total = total + (probability * decode(edges)).sum()
    gradient, scale = torch.autograd.grad(total, (leaf, SCALE))
    return gradient, scale / GRAPHS


def estimate(name: str, repeats: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Estimates of every graph's gradient, ``[repeats, graphs, edges, 2]``, and one of the mean's in scale."""
    leaf = LOGITS.repeat(repeats, 1, 1).requires_grad_()
    made = make_surrogate(ESTIMATORS[name], leaf, decoding(len(leaf)), (SCALE,), torch.Generator().manual_seed(seed))
    logits, scale = torch.autograd.grad(made.value, (leaf, SCALE))
    return len(leaf) * logits.unflatten(0, (repeats, GRAPHS)), scale


def worst_z(rows: Tensor, mean: Tensor) -> float:
    """The largest distance of a mean from `mean`, in standard errors; rounding counts as none."""
    error = (rows.mean(0) - mean).abs()
    return float((error / (rows.std(0) / len(rows) ** 0.5 + 1e-9)).max())


def scale_z(name: str, factor: float = 1.0) -> float:
    """The same for the gradient in scale, over a hundred estimates of it."""
    rows = torch.stack([estimate(name, 10, seed)[1] for seed in range(100)])
    return worst_z(factor * rows, exact(LOGITS)[1])


LIMIT = 5.5
"""Standard errors. For 12 normal means the largest exceeds it with probability 5e-7."""

ROWS = 4000


@pytest.mark.parametrize("name", ["leave_one_out", "score_function", "disarm_stick_breaking", "local_expectation"])
def test_an_unbiased_estimator_gives_every_graph_its_gradient(name: str) -> None:
    """False-fail rate 1e-6 a case; a bias of nine standard errors is seen with probability over 0.999."""
    assert worst_z(estimate(name, ROWS)[0], exact(LOGITS)[0]) < LIMIT


@pytest.mark.parametrize("name", ["leave_one_out", "straight_through", "reinmax", "agent_torch_categorical_float"])
def test_the_decoder_gets_its_gradient(name: str) -> None:
    """False-fail rate 3e-6 a case (Student, 99 degrees of freedom): hard samples leave the decoder's gradient unbiased."""
    assert scale_z(name) < LIMIT


def test_a_bias_and_mixed_up_graphs_would_be_seen() -> None:
    """The checks above on planted errors: a biased estimator, the gradient of another graph, a decoder at twice its step."""
    right = exact(LOGITS)[0]
    assert worst_z(estimate("straight_through", ROWS)[0], right) > 2 * LIMIT
    assert worst_z(estimate("leave_one_out", ROWS)[0], right.flip(0)) > 2 * LIMIT
    assert scale_z("leave_one_out", 2.0) > 2 * LIMIT


def test_the_tutorials_rule_gives_logits_nothing_and_the_decoder_all() -> None:
    logits, scale = estimate("agent_torch_categorical_float", 5)
    assert float(logits.abs().max()) < 1e-12
    assert float(scale.abs().min()) > 0


def test_two_samples_a_graph_are_each_others_baseline() -> None:
    """A loss that is constant has no gradient under leave-one-out, and a noisy one under the plain score."""
    constant = lambda edges: 5 + 0 * (edges[..., 1] * SCALE).sum(-1)  # noqa: E731
    leaf = LOGITS.clone().requires_grad_()
    made = make_surrogate(LeaveOneOut(), leaf, constant, (SCALE,), torch.Generator().manual_seed(0))
    assert made.losses.shape == (2 * GRAPHS,)
    assert not torch.autograd.grad(made.value, leaf)[0].any()
    made = make_surrogate(ScoreFunction(), leaf, constant, (SCALE,), torch.Generator().manual_seed(0))
    assert bool(torch.autograd.grad(made.value, leaf)[0].all())


def test_a_moving_average_starts_at_a_loss_and_takes_in_each_step() -> None:
    started = prepare_estimator(MovingAverageBaseline(decay=0.75), 100.0)
    assert isinstance(started, MovingAverageBaseline)
    assert started.baseline == 100.0
    moved = update_estimator(started, torch.tensor([10.0, 30.0]))
    assert isinstance(moved, MovingAverageBaseline)
    assert moved.baseline == pytest.approx(0.75 * 100 + 0.25 * 20)
    assert update_estimator(LeaveOneOut(), torch.ones(2)) == LeaveOneOut()


def test_every_registered_estimator_is_usable_or_says_why_not() -> None:
    usable, said = set(), {}
    for name, estimator in ESTIMATORS.items():
        leaf = LOGITS.clone().requires_grad_()
        try:
            made = make_surrogate(prepare_estimator(estimator, 1.0), leaf, decode, (SCALE,), torch.Generator().manual_seed(0))
        except (NotApplicableError, NoGradientPathError) as error:
            said[name] = str(error)
            continue
        gradients = torch.autograd.grad(made.value, (leaf, SCALE))
        assert all(bool(torch.isfinite(each).all()) for each in gradients), name
        usable.add(name)
    assert usable >= {"gumbel_softmax", "reinmax", "leave_one_out", "moving_average_baseline", "stochastic_triple", "muprop"}
    assert "no gradient" not in said
    assert "its probabilities require a gradient" in said["agent_torch_categorical"]
    assert all("fitted to one program at one point" in said[name] for name in ("relax", "rebar", "score_function_baseline"))
    assert "expected a multiple of 3" in said["enumeration"]


def test_an_index_rule_needs_two_types() -> None:
    with pytest.raises(NotApplicableError, match="edges of 3 types are one-hot"):
        make_surrogate(
            ESTIMATORS["agent_torch_categorical_float"],
            torch.zeros(2, 2, 3, requires_grad=True),
            decode,
            (SCALE,),
            torch.Generator(),
        )


def test_hard_samples_follow_the_posterior() -> None:
    """20,000 draws: a share off by 0.02 is five standard errors or more; false-fail rate 4e-6 for six shares."""
    drawn = draw_hard(LOGITS.repeat(20_000, 1, 1), torch.Generator().manual_seed(0)).unflatten(0, (20_000, GRAPHS))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert bool((drawn.sum(-1) == 1).all())
    error = (drawn.mean(0) - LOGITS.softmax(-1)).abs().max()
    assert float(error) < 5 * (0.25 / 20_000) ** 0.5
    assert float((drawn.mean(0).flip(-1) - LOGITS.softmax(-1)).abs().max()) > 10 * (0.25 / 20_000) ** 0.5
