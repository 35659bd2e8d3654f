"""RODEO: leave-one-out with control variates from a discrete Stein operator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli

from .hyper_parameters import require_at_least, require_positive
from .perceptron import Perceptron, Weights, apply_weights, initial_weights, train
from .protocol import Claims, NotApplicableError, Program, row_gradients
from .runs.hard_run import HardRun
from .runs.structure import require_sites, require_unchained, structure_of

__all__ = ["Rodeo"]


@dataclass(frozen=True)
class Rodeo:
    """Leave-one-out over groups of K runs of D independent bits, with two control variates of mean zero.

    The operator ``(A h)(b) = (1 / D) sum_i q_i(b) (h(b with bit i flipped) - h(b))``, q_i(b) the probability of the flipped
    value, has mean zero for every h. With s the score,
    ``(1 / K) sum_k [f_k - mean_{j != k} (f_j + (A h_j)(b_j))] s(b_k) + (A h'_k s)(b_k) + grad f_k``. The functions h_k and
    h'_k are built from the other runs alone, ``mean_{j != k} H(f_j + grad f_j (b - b_j))``, H a learned network with two
    outputs (the published weights alpha and beta of the two control variates are in its output layer); unfitted, they are
    zero and the estimate is leave-one-out's.

    Unbiased for every H on programs whose sites are independent bits. Cost: K evaluations and their derivatives; memory K^2 D
    a replicate.

    Args:
        group: K, at least two.
        width: Hidden units of the network that `fit` trains.
        steps: Training steps.
        learning_rate: The learning rate of Adam.
        network: H, the network that `fit` has learned.
        centre: Mean of the pilot objectives: what the network's input is centred by.
        scale: Their standard deviation: the unit of its input and output.

    Raises:
        NotApplicableError: K is below two, a hyper-parameter of the training is not positive, a site is not Bernoulli or
            depends on earlier outcomes, or there is none.

    Example:
        >>> import torch
        >>> program = lambda params, sample: (sample(Bernoulli(logits=params)).sum(-1) - 0.45) ** 2
        >>> Rodeo(group=3)(program, torch.tensor([0.3, -0.5]), 5, torch.Generator()).shape
        torch.Size([5, 2])

    References:
        Shi, Zhou, Hwang, Titsias and Mackey (2022), Gradient estimation with discrete Stein operators, arXiv 2202.09497.
    """

    group: int = 2
    width: int = 10
    steps: int = 100
    learning_rate: float = 0.03
    network: Perceptron | None = None
    centre: float = 0.0
    scale: float = 1.0

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = (Bernoulli,)
    needs_differentiable: ClassVar[bool] = True
    forward: ClassVar[str] = "forced"
    reference: ClassVar[str] = "Shi et al. 2022"

    def __post_init__(self) -> None:
        require_at_least("RODEO", 2, "a control variate from the others", group=self.group)
        require_at_least("RODEO", 1, "training", width=self.width, steps=self.steps)
        require_positive("RODEO", learning_rate=self.learning_rate)

    @property
    def evaluations(self) -> int | None:
        """The number of runs, K."""
        return self.group

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        run = self._run(program, params, num_samples, generator)
        groups = _Groups.of(run, self.group)
        surrogate = groups.surrogate(self._functions(groups.linear()))
        rows = row_gradients(surrogate.reshape(-1) + run.objective, run.leaf)
        return rows.reshape(num_samples, self.group, *params.shape).mean(1)

    def fit(self, program: Program, params: Tensor, *, num_samples: int, generator: torch.Generator) -> Self:
        """Return the same estimator with its network trained on `num_samples` pilot replicates.

        It minimises their mean squared norm, whose part that depends on the network is the variance.
        """
        run = self._run(program, params, num_samples, generator)
        groups = _Groups.of(run, self.group)
        linear = groups.linear()
        objective = run.objective.detach()
        centre, scale = float(objective.mean()), float(objective.std(correction=0)) or 1.0

        def loss(weights: Weights) -> Tensor:
            functions = scale * apply_weights(weights, (linear.unsqueeze(-1) - centre) / scale)
            surrogate = groups.surrogate(functions)
            total = surrogate.sum() + run.objective.sum()
            (rows,) = torch.autograd.grad(total, run.leaf, create_graph=True)
            return (rows.reshape(num_samples, self.group, -1).mean(1) / scale).square().sum() / num_samples

        weights = train(initial_weights(1, 2, self.width, generator, params), loss, self.steps, self.learning_rate)
        return replace(self, network=Perceptron.of(weights), centre=centre, scale=scale)

    def _run(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> HardRun:
        structure = structure_of(program, params)
        require_sites("RODEO", structure, self.sites)
        require_unchained("RODEO", structure)
        if not structure.sites:
            raise NotApplicableError("RODEO: the program draws nothing; it needs Bernoulli sites")
        return HardRun.of(program, params, num_samples * self.group, generator, sloped=True)

    def _functions(self, linear: Tensor) -> Tensor:
        """Apply H to the linearisations: ``[...]`` to ``[..., 2]``."""
        if self.network is None:
            return linear.new_zeros(*linear.shape, 2)
        return self.scale * self.network((linear.unsqueeze(-1) - self.centre) / self.scale)


@dataclass(frozen=True, eq=False)
class _Groups:
    """Runs in groups, ``[N, K]``, of D bits.

    Attributes:
        objective: ``[N, K]``.
        bits: ``[N, K, D]``.
        probs: The probability of a one, ``[N, K, D]``, connected to the leaf.
        slopes: The objective's derivative in each bit, ``[N, K, D]``.
    """

    objective: Tensor
    bits: Tensor
    probs: Tensor
    slopes: Tensor

    @classmethod
    def of(cls, run: HardRun, group: int) -> _Groups:
        def side_by_side(values: list[Tensor]) -> Tensor:
            flat = torch.cat([value.reshape(len(run.objective), -1) for value in values], dim=1)
            return flat.reshape(-1, group, flat.shape[1])

        bits = side_by_side([value.detach() for value in run.values])
        probs = side_by_side([entry.site.probs for entry in run.tape.draws])
        return cls(run.objective.detach().reshape(-1, group), bits, probs, side_by_side(run.slopes()))

    def linear(self) -> Tensor:
        """Return run j's linearisation at run k's bits and at each of their D neighbours, ``[N, K (k), K (j), 1 + D]``."""
        step = self.bits.unsqueeze(2) - self.bits.unsqueeze(1)
        here = self.objective.unsqueeze(1) + (self.slopes.unsqueeze(1) * step).sum(-1)
        flips = self.slopes.unsqueeze(1) * (1 - 2 * self.bits).unsqueeze(2)
        return torch.cat((here.unsqueeze(-1), here.unsqueeze(-1) + flips), dim=-1)

    def surrogate(self, functions: Tensor) -> Tensor:
        """Return a tensor ``[N, K]`` whose gradient in the leaf is the estimate of each run, without the direct part.

        Args:
            functions: H of `linear`, ``[N, K, K, 1 + D, 2]``.
        """
        count = functions.shape[1]
        others = 1 - torch.eye(count, dtype=functions.dtype, device=functions.device)
        built = torch.einsum("kj,nkjdo->nkdo", others, functions) / (count - 1)
        flip = torch.where(self.bits.bool(), 1 - self.probs, self.probs).detach()
        rate = flip / flip.shape[-1]
        gain = rate.unsqueeze(-1) * (built[:, :, 1:] - built[:, :, :1])
        controlled = self.objective + gain[..., 0].sum(-1)
        advantage = self.objective - (controlled.sum(1, keepdim=True) - controlled) / (count - 1)
        vector = gain[..., 1].sum(-1, keepdim=True) - rate * built[:, :, 1:, 1]
        # The score of a bit is the derivative of +-p over the probability of its value; that of the flipped bit, times the
        # probability of the flipped value, is the derivative of -+p, which divides by nothing.
        signed = (2 * self.bits - 1) * self.probs
        coefficient = (advantage.unsqueeze(-1) + vector) / (1 - flip)
        neighbour = built[:, :, 1:, 1] / flip.shape[-1]
        return ((coefficient - neighbour) * signed).sum(-1)
