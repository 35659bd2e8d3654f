"""REBAR and RELAX: unbiased by quadrature over all their noise, cold and learned."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import NotApplicableError, ScoreFunction, relax
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.gumbel_rao import race
from gradverify.estimators.perceptron import Perceptron, initial_weights
from gradverify.estimators.protocol import Estimator, Program, Sample
from gradverify.estimators.relax import Rebar, Relax
from gradverify.estimators.runs import tape as tape_module
from gradverify.estimators.sites.reading import Site
from gradverify.verification.problems.toys import bits_near

from .polynomial_programs import (
    BITS,
    CERTAIN,
    EXTREME,
    LOGITS_2,
    LOGITS_4,
    agrees,
    bit_chain,
    bit_program,
    certain_bits,
    check_finite,
    multilinear,
    one_hot_program,
    outcomes,
    power_of,
    replicates,
)

TWO_BITS = BITS[1:]


def with_direct_part(params: Tensor, sample: Sample) -> Tensor:
    """Two sites, and parameters that enter the objective beside the samples."""
    bits = sample(Bernoulli(logits=params))
    index = sample(Categorical(logits=torch.stack((params[:, 0], 1 - params[:, 1], params.sum(1)), -1)))
    return 3 + (bits * (1 + params)).sum(1) ** 3 + index**2 * bits[:, 0] * params[:, 1].exp()


def random_network(inputs: int) -> Perceptron:
    """Weights that nothing has trained, output included."""
    generator = torch.Generator().manual_seed(2)
    hidden, output = initial_weights(inputs, 1, 5, generator, torch.zeros(1, dtype=torch.float64))
    return Perceptron.of((2 * hidden, torch.randn(output.shape, generator=generator, dtype=torch.float64)))


def odds_grid(categories: int, spacing: float) -> tuple[Tensor, Tensor]:
    """Nodes and weights for the losers' exponential draws over the winner's: ``log (E_i / E_D)``, ``[nodes, K - 1]``.

    The joint density in the logarithms t is ``(K - 1)! exp(sum t) / (1 + sum exp t)^K``, analytic, so that equal spacing
    converges exponentially.
    """
    line = torch.arange(-30.0, 30.0, spacing, dtype=torch.float64)
    nodes = torch.cartesian_prod(*[line] * (categories - 1)).reshape(-1, categories - 1)
    total = torch.logsumexp(torch.cat((torch.zeros_like(nodes[:, :1]), nodes), 1), 1)
    density = torch.lgamma(torch.tensor(float(categories))).exp() * (nodes.sum(1) - categories * total).exp()
    return nodes, density * spacing ** (categories - 1)


def by_quadrature(
    monkeypatch: pytest.MonkeyPatch,
    estimator: Estimator,
    program: Program,
    params: Tensor,
    depth: int,
    categories: int,
    spacing: float,
) -> Tensor:
    """The exact mean over draws and noise; z and z' share their nodes, since they enter in separate terms."""
    line, mass = odds_grid(categories, spacing)
    keep = mass > 1e-13 * mass.max()
    line, mass = line[keep], mass[keep]
    points = outcomes(depth, categories)
    cells = torch.tensor(list(itertools.product(range(len(line)), repeat=depth)))
    odds = line[cells].repeat(len(points), 1, 1)
    drawn = points.repeat_interleave(len(cells), 0)
    logits = torch.stack((torch.zeros_like(params), params), -1) if params.dim() == 1 else params
    weight = (drawn * logits.softmax(-1)).sum(-1).prod(-1) * mass[cells].prod(1).repeat(len(points))
    losers = (1 - drawn).bool()
    noise = torch.zeros_like(drawn).masked_scatter(losers, odds)

    def draw(site: Site, generator: torch.Generator) -> Tensor:
        index = drawn.argmax(-1)
        return index.bool() if site.probs.shape == index.shape else index

    monkeypatch.setattr(tape_module, "draw", draw)
    monkeypatch.setattr(relax, "conditional_gumbels", lambda logits, drawn, generator: race(logits, drawn, noise))
    rows = estimator(program, params, len(drawn), torch.Generator())
    return torch.tensordot(weight, rows, dims=1)


QUADRATURE = [
    pytest.param(Rebar(1.7, 0.6), bit_program(), TWO_BITS, 2, 2, 0.7, id="rebar bits"),
    pytest.param(Rebar(0.8, 0.5), one_hot_program(multilinear), LOGITS_4[:1, :3], 1, 3, 0.4, id="rebar three categories"),
    pytest.param(
        Relax(0.8, network=random_network(4), centre=2.0, scale=3.0), bit_program(), TWO_BITS, 2, 2, 0.7, id="relax bits"
    ),
    pytest.param(
        Relax(1.3, network=random_network(3), scale=2.0), one_hot_program(), LOGITS_4[:1, 1:], 1, 3, 0.4, id="relax three"
    ),
]


@pytest.mark.parametrize(("estimator", "program", "params", "depth", "categories", "spacing"), QUADRATURE)
def test_unbiased_by_quadrature(
    monkeypatch: pytest.MonkeyPatch,
    estimator: Estimator,
    program: Program,
    params: Tensor,
    depth: int,
    categories: int,
    spacing: float,
) -> None:
    exact = enumerate_paths(program, params).gradient()
    mean = by_quadrature(monkeypatch, estimator, program, params, depth, categories, spacing)
    torch.testing.assert_close(mean, exact, rtol=1e-6, atol=1e-6)


def test_mean_agrees_by_sampling() -> None:
    """Several sites and a direct part, four categories, control variates that nobody fitted.

    At a false-fail rate of 1e-6 a case; an error of half the gradient would be seen (the quadrature above sees 1e-6).
    """
    cases: list[tuple[Program, Tensor, int]] = [
        (with_direct_part, torch.tensor([0.4, -1.1], dtype=torch.float64), 7),
        (one_hot_program(), LOGITS_4, 8),
        (bit_program(), BITS, 6),
    ]
    for program, params, inputs in cases:
        exact = enumerate_paths(program, params).gradient()
        for estimator in (Rebar(0.9, 0.7), Relax(network=random_network(inputs), centre=5.0, scale=2.0)):
            rows = replicates(estimator, program, params, 100_000)
            assert agrees(rows, exact)
            assert power_of(rows, 0.5 * exact) > 8


@pytest.mark.parametrize("cold", [Rebar(), Relax(steps=60)])
def test_learned_once_then_frozen(cold: Rebar | Relax) -> None:
    """Fitted: still unbiased, less variance than cold and than the score function, and the same rows at every call."""
    for program, params in ((bit_program(multilinear), BITS), (one_hot_program(multilinear), LOGITS_4)):
        warm = cold.fit(program, params, num_samples=1_000, generator=torch.Generator().manual_seed(3))
        rows = replicates(warm, program, params, 30_000)
        exact = enumerate_paths(program, params).gradient()
        assert agrees(rows, exact)
        assert power_of(rows, 0.1 * exact) > 8
        plain = replicates(ScoreFunction(), program, params, 30_000).var(0).sum()
        assert rows.var(0).sum() < 0.35 * plain
        assert rows.var(0).sum() <= 1.02 * replicates(cold, program, params, 30_000).var(0).sum()
        assert torch.equal(rows[:10], replicates(warm, program, params, 30_000)[:10])
        again = cold.fit(program, params, num_samples=1_000, generator=torch.Generator().manual_seed(3))
        assert again == warm
        assert hash(again) == hash(warm)


def test_published_toy() -> None:
    """E[(b - 0.499)^2] at logit 0, truth 0.0005: the fitted network leaves a thousandth of the score function's variance."""
    program, params = bits_near((0.499,)), torch.tensor(0.0, dtype=torch.float64)
    warm = Relax(steps=150).fit(program, params, num_samples=500, generator=torch.Generator().manual_seed(3))
    rows = replicates(warm, program, params, 20_000)
    assert agrees(rows, torch.tensor(0.0005, dtype=torch.float64))
    assert float(rows.var()) < 1e-3 * 1.563e-2


def test_cold_relax_is_the_score_function() -> None:
    for program, params in ((bit_program(), BITS), (one_hot_program(), LOGITS_4), (with_direct_part, TWO_BITS)):
        plain = replicates(ScoreFunction(), program, params, 50)
        for cold in (Relax(), Rebar(coefficient=0.0)):
            torch.testing.assert_close(replicates(cold, program, params, 50), plain)


def test_relax_takes_a_black_box() -> None:
    """An objective that looks its index up."""
    table = torch.tensor([1.0, -2.0, 5.0, 3.0], dtype=torch.float64)
    estimator = Relax(network=random_network(4), centre=1.0)
    rows = replicates(estimator, lambda params, sample: table[sample(Categorical(logits=params)).long()], LOGITS_4[0], 40_000)
    probabilities = LOGITS_4[0].softmax(-1)
    assert agrees(rows, probabilities * (table - probabilities @ table))


@pytest.mark.parametrize("estimator", [Rebar(), Relax()])
def test_refuses_chained_programs(estimator: Estimator) -> None:
    with pytest.raises(NotApplicableError, match=r"(REBAR|RELAX): the probabilities of a site depend on earlier outcomes"):
        replicates(estimator, bit_chain, torch.tensor([0.4, -1.1], dtype=torch.float64), 5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rebar(temperature=0.0), "REBAR: temperature=0"),
        (lambda: Relax(temperature=-1.0), "RELAX: temperature=-1"),
        (lambda: Relax(width=0), "RELAX: width=0"),
        (lambda: Relax(steps=0), "RELAX: steps=0"),
        (lambda: Relax(learning_rate=0.0), "RELAX: learning_rate=0"),
    ],
)
def test_refuses_by_name(make: Callable[[], Estimator], message: str) -> None:
    with pytest.raises(NotApplicableError, match=message):
        make()


def test_a_network_of_another_program_is_refused() -> None:
    with pytest.raises(NotApplicableError, match="RELAX: its network takes 4 numbers, and this program's sites have 6; fit it"):
        replicates(Relax(network=random_network(4)), bit_program(), BITS, 5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("estimator", [Rebar(0.9, 0.2), Relax(network=random_network(6), centre=1.0)])
def test_extreme_logits_and_certain_outcomes(dtype: torch.dtype, estimator: Estimator) -> None:
    for program, params in ((bit_program(), torch.tensor([30.0, -30.0, 2.0])), (certain_bits, CERTAIN)):
        check_finite(estimator, program, params.to(dtype))
    widened = replace(estimator, network=random_network(8)) if isinstance(estimator, Relax) else estimator
    check_finite(widened, one_hot_program(), EXTREME.to(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fit_at_extreme_logits(dtype: torch.dtype) -> None:
    logits = EXTREME.to(dtype)
    for cold in (Rebar(), Relax(steps=5)):
        warm = cold.fit(one_hot_program(), logits, num_samples=50, generator=torch.Generator().manual_seed(3))
        check_finite(warm, one_hot_program(), logits)


def test_planted_detached_conditional_noise_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """z' held while its law moves with p."""
    conditional = relax.conditional_gumbels
    monkeypatch.setattr(relax, "conditional_gumbels", lambda logits, drawn, source: conditional(logits.detach(), drawn, source))
    rows = replicates(Rebar(1.0, 0.5), one_hot_program(), LOGITS_2, 60_000)
    assert not agrees(rows, enumerate_paths(one_hot_program(), LOGITS_2).gradient())


def test_planted_control_counted_twice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = relax._surrogate

    def twice(run: relax.HardRun, relaxed: Tensor, conditional: Tensor, held: Tensor) -> Tensor:
        return plain(run, 2 * relaxed, 2 * conditional, held)

    monkeypatch.setattr(relax, "_surrogate", twice)
    rows = replicates(Relax(network=random_network(6), scale=3.0), bit_program(), BITS, 60_000)
    assert not agrees(rows, enumerate_paths(bit_program(), BITS).gradient())


def test_planted_shift_in_place_of_the_conditional_law_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """z' differentiated like z: its noise does not know that p moved under the draw."""
    conditional = relax.conditional_gumbels

    def shifted(logits: Tensor, drawn: Tensor, source: torch.Generator) -> Tensor:
        return logits + conditional(logits.detach(), drawn, source) - logits.detach()

    monkeypatch.setattr(relax, "conditional_gumbels", shifted)
    rows = replicates(Rebar(1.0, 0.5), bit_program(), BITS, 60_000)
    assert not agrees(rows, enumerate_paths(bit_program(), BITS).gradient())
