"""REBAR and RELAX: the score function with a reparametrised, relaxed control variate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from .control_variates import best_coefficient
from .gumbel_rao import conditional_gumbels
from .hyper_parameters import require_at_least, require_positive
from .perceptron import Perceptron, Weights, apply_weights, initial_weights, train
from .protocol import CATEGORICAL_SITES, Claims, NotApplicableError, Program, evaluate, row_gradients
from .runs.hard_run import HardRun
from .runs.relaxed import one_hot
from .runs.structure import require_unchained, structure_of

__all__ = ["Rebar", "Relax"]


@dataclass(frozen=True)
class Rebar:
    """The score function with the relaxed objective as control variate.

    ``(f(x) - c(z')) grad log p(x) + grad c(z) - grad c(z') + grad f(x)`` with ``c(z) = a f(softmax(z / tau))``: z are perturbed
    logits whose argmax is the drawn x, and z' is drawn afresh given x and differentiated through its conditional noise.
    Unbiased for every a and tau on programs whose sites are independent. Cost: three evaluations, two of them relaxed, and
    their derivatives.

    Args:
        coefficient: a.
        temperature: tau > 0. `fit` sets both to those that leave the pilot rows the smallest mean squared norm.

    Raises:
        NotApplicableError: The temperature is not positive, or a site of the program depends on earlier outcomes.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: (sample(Bernoulli(logits=params)) - 0.45) ** 2
        >>> Rebar()(program, torch.tensor(0.3), 5, torch.Generator()).shape
        torch.Size([5])

    References:
        Tucker, Mnih, Maddison, Lawson and Sohl-Dickstein (2017), arXiv 1703.07370.
    """

    coefficient: float = 1.0
    temperature: float = 0.5

    claims: ClassVar[Claims] = Claims(bias="unbiased", continuous_only=True)
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 3
    forward: ClassVar[str] = "forced"
    reference: ClassVar[str] = "Tucker et al. 2017"

    def __post_init__(self) -> None:
        require_positive("REBAR", temperature=self.temperature)

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        run = _independent_run("REBAR", program, params, num_samples, generator)

        def control(relaxed: list[Tensor]) -> Tensor:
            return self.coefficient * evaluate(program, run.leaf, _hand_out(run, relaxed))

        return _estimate(run, control, self.temperature, generator)

    def fit(self, program: Program, params: Tensor, *, num_samples: int, generator: torch.Generator) -> Self:
        """Return the same estimator with the best coefficient and temperature of a few on `num_samples` pilot rows."""
        state = generator.get_state()

        def rows(temperature: float, coefficient: float) -> Tensor:
            generator.set_state(state)
            trial = replace(self, coefficient=coefficient, temperature=temperature)
            return trial(program, params, num_samples, generator)

        fits = {each: best_coefficient(partial(rows, each)) for each in _TEMPERATURES}
        temperature = min(fits, key=lambda each: fits[each][1])
        return replace(self, coefficient=fits[temperature][0], temperature=temperature)


@dataclass(frozen=True)
class Relax:
    """The score function with a learned function of the relaxed samples as control variate.

    ``(f(x) - c(z')) grad log p(x) + grad c(z) - grad c(z') + grad f(x)``, z and z' as in `Rebar`, and
    ``c(z) = centre + scale network(softmax(z / tau))``. The objective may be a black box. Unbiased for every network on
    programs whose sites are independent; unfitted, c is zero and the estimate the score function's. Cost: one evaluation.

    Args:
        temperature: tau > 0, of the samples that the network sees.
        width: Hidden units of the network that `fit` trains.
        steps: Training steps.
        learning_rate: The learning rate of Adam.
        network: The network that `fit` has learned.
        centre: Mean of the pilot objectives.
        scale: Their standard deviation.

    Raises:
        NotApplicableError: A hyper-parameter is not positive, a site of the program depends on earlier outcomes, or the network
            was fitted to sites of other sizes.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: (sample(Bernoulli(logits=params)) - 0.45) ** 2
        >>> generator = torch.Generator().manual_seed(0)
        >>> cold = Relax(steps=50)
        >>> warm = cold.fit(program, torch.tensor(0.3), num_samples=200, generator=generator)
        >>> before, after = (each(program, torch.tensor(0.3), 500, generator).var() for each in (cold, warm))
        >>> bool(after < 0.1 * before)
        True

    References:
        Grathwohl, Choi, Wu, Roeder and Duvenaud (2017), Backpropagation through the void, arXiv 1711.00123.
    """

    temperature: float = 0.5
    width: int = 10
    steps: int = 100
    learning_rate: float = 0.03
    network: Perceptron | None = None
    centre: float = 0.0
    scale: float = 1.0

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    evaluations: ClassVar[int | None] = 1
    forward: ClassVar[str] = "forced"
    reference: ClassVar[str] = "Grathwohl et al. 2017"

    def __post_init__(self) -> None:
        require_positive("RELAX", temperature=self.temperature, learning_rate=self.learning_rate)
        require_at_least("RELAX", 1, "training", width=self.width, steps=self.steps)

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        run = _independent_run("RELAX", program, params, num_samples, generator)

        def control(relaxed: list[Tensor]) -> Tensor:
            if self.network is None:
                return torch.zeros_like(run.score)
            features = _features(relaxed)
            trained = len(self.network.hidden[0]) - 1
            if features.shape[-1] != trained:
                raise NotApplicableError(
                    f"RELAX: its network takes {trained} numbers, and this program's sites have {features.shape[-1]}; "
                    "fit it on this program"
                )
            return self.centre + self.scale * self.network(features).squeeze(-1)

        return _estimate(run, control, self.temperature, generator)

    def fit(self, program: Program, params: Tensor, *, num_samples: int, generator: torch.Generator) -> Self:
        """Return the same estimator with its network trained on `num_samples` pilot rows.

        It minimises the rows' mean squared norm, whose part that depends on the network is the variance. The objective is
        evaluated once; every step draws the noise of z and z' afresh.
        """
        run = _independent_run("RELAX", program, params, num_samples, generator)
        if not any(entry.site.requires_grad for entry in run.tape.draws):
            return self  # there is no score whose variance a network could lower
        centre, scale = float(run.objective.detach().mean()), float(run.objective.detach().std(correction=0)) or 1.0
        inputs = _features(_Noise.condition(run, self.temperature, generator).relaxed).shape[-1]

        def loss(weights: Weights) -> Tensor:
            def control(relaxed: list[Tensor]) -> Tensor:
                return centre + scale * apply_weights(weights, _features(relaxed)).squeeze(-1)

            noise = _Noise.condition(run, self.temperature, generator)
            # Held as to the parameters, not as to the weights, which the score's factor teaches too.
            held = control([each.detach() for each in noise.conditional])
            surrogate = _surrogate(run, control(noise.relaxed), control(noise.conditional), held)
            (rows,) = torch.autograd.grad((surrogate + run.objective).sum(), run.leaf, create_graph=True)
            return (rows / scale).square().sum() / num_samples

        weights = initial_weights(inputs, 1, self.width, generator, params)
        trained = train(weights, loss, self.steps, self.learning_rate)
        return replace(self, network=Perceptron.of(trained), centre=centre, scale=scale)


@dataclass(frozen=True, eq=False)
class _Noise:
    """Relaxed samples of every site: ``softmax(z / tau)``, and ``softmax(z' / tau)`` given the same draws."""

    relaxed: list[Tensor]
    conditional: list[Tensor]

    @classmethod
    def condition(cls, run: HardRun, temperature: float, generator: torch.Generator) -> _Noise:
        relaxed, conditional = [], []
        for entry in run.tape.draws:
            drawn, logits = one_hot(entry.site, entry.index), entry.site.log_probabilities()
            # z is log p plus noise that does not depend on p: drawn given x, differentiated as if x had been drawn from it.
            fixed = logits.detach()
            perturbed = logits + (conditional_gumbels(fixed, drawn, generator) - fixed)
            relaxed.append(torch.softmax(perturbed / temperature, dim=-1))
            # z' depends on p through its law given x.
            conditional.append(torch.softmax(conditional_gumbels(logits, drawn, generator) / temperature, dim=-1))
        return cls(relaxed, conditional)


def _independent_run(name: str, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> HardRun:
    require_unchained(name, structure_of(program, params))
    return HardRun.of(program, params, rows, generator)


def _estimate(
    run: HardRun, control: Callable[[list[Tensor]], Tensor], temperature: float, generator: torch.Generator
) -> Tensor:
    """Return the estimate of every row with ``c = control(relaxed samples of all sites)``, ``[rows, *param]``."""
    noise = _Noise.condition(run, temperature, generator)
    conditional = control(noise.conditional)
    surrogate = _surrogate(run, control(noise.relaxed), conditional, conditional.detach())
    return row_gradients(surrogate + run.objective, run.leaf)


def _surrogate(run: HardRun, relaxed: Tensor, conditional: Tensor, held: Tensor) -> Tensor:
    """Return ``(f - c(z')) log p(x) + c(z) - c(z')``, ``[rows]``; the first c(z') is held, as it only weighs the score."""
    return (run.objective.detach() - held) * run.score + relaxed - conditional


def _hand_out(run: HardRun, relaxed: list[Tensor]) -> Callable[[Distribution], Tensor]:
    """Make a sampling primitive that hands out relaxed samples in drawing order."""
    values = iter([entry.site.from_one_hot(sample) for entry, sample in zip(run.tape.draws, relaxed, strict=True)])
    return lambda distribution: next(values)


def _features(relaxed: list[Tensor]) -> Tensor:
    """Put all relaxed samples side by side, ``[rows, features]``."""
    return torch.cat([each.flatten(1) for each in relaxed], dim=1)


_TEMPERATURES = (0.1, 0.25, 0.5, 1.0, 2.0)
"""The temperatures that the fit of REBAR tries."""
