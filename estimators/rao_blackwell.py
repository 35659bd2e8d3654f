"""Rao-Blackwellised estimators: some of the randomness is summed out, the rest is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli, Distribution

from .hyper_parameters import require_at_least
from .protocol import (
    CATEGORICAL_SITES,
    Claims,
    NotApplicableError,
    Program,
    Sample,
    UnsupportedSiteError,
    evaluate,
    row_gradients,
    row_leaf,
)
from .runs.outcomes import joint_outcomes
from .runs.tape import Tape, choose, recording, replaying
from .sites.reading import FiniteSite, finite_site_of

__all__ = ["BitFlip", "LocalExpectation", "SumAndSample"]

_BASELINES = ("none", "shared", "separate")


@dataclass(frozen=True)
class SumAndSample:
    """The score function with its k most probable outcomes summed, and one of the rest drawn.

    ``sum_{i in top k} p_i (f_i - b) s_i + p_R (f_z - b) s_z``, outcomes those of all sites together, z drawn from the rest R,
    whose probability is ``p_R = sum_{i in R} p_i``; derivatives of f itself are weighted alike. Unbiased; with k = 0 the
    score function. Which of several equally probable outcomes are summed is arbitrary, and the variance depends on it. Cost: k
    + 1 evaluations; with a baseline one more, or twice as many.

    Args:
        top: k.
        baseline: b: zero (``none``), the objective of one more run (``shared``), or of one more for each term (``separate``,
            the authors' REINFORCE+).
        max_outcomes: The most joint outcomes to list.

    Raises:
        NotApplicableError: k is negative, the baseline unknown, a site depends on earlier outcomes, or outcomes are too many.

    Example:
        >>> import torch
        >>> from torch.distributions import Categorical
        >>> program = lambda params, sample: sample(Categorical(logits=params)) ** 2
        >>> rows = SumAndSample(top=3)(program, torch.zeros(3), 2, torch.Generator())
        >>> rows.round(decimals=4)
        tensor([[-0.5556, -0.2222,  0.7778],
                [-0.5556, -0.2222,  0.7778]])

    References:
        Liu, Regier, Tripuraneni, Jordan and McAuliffe (2019), arXiv 1810.04777.
    """

    top: int = 1
    baseline: str = "none"
    max_outcomes: int = 2**12

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    forward: ClassVar[str] = "forced"
    reference: ClassVar[str] = "Liu et al. 2019"

    def __post_init__(self) -> None:
        require_at_least("sum-and-sample", 0, "the sum over the likeliest outcomes", top=self.top)
        if self.baseline not in _BASELINES:
            raise NotApplicableError(f"sum-and-sample: baseline={self.baseline!r}; expected one of {', '.join(_BASELINES)}")

    @property
    def evaluations(self) -> int | None:
        """The number of runs: k + 1, and those of the baseline."""
        return self.top + 1 + {"none": 0, "shared": 1, "separate": self.top + 1}[self.baseline]

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        outcomes = joint_outcomes("sum-and-sample", program, params, self.max_outcomes)
        # Stable, so that the same of several equally probable outcomes are summed on every machine.
        summed = outcomes.probs.argsort(descending=True, stable=True)[: self.top]
        rest = outcomes.probs.index_fill(0, summed, 0.0)
        drawn = choose(rest.expand(num_samples, -1), generator).unsqueeze(1)
        chosen = [summed.expand(num_samples, -1), drawn]
        terms = len(summed) + 1
        extra = {"none": 0, "shared": 1, "separate": terms}[self.baseline]
        chosen += [choose(outcomes.probs.expand(num_samples, -1), generator).unsqueeze(1) for _ in range(extra)]
        runs = outcomes.run(program, params, torch.cat(chosen, 1))
        weight = torch.cat((outcomes.probs[summed], rest.sum().unsqueeze(0), rest.new_zeros(extra)))
        advantage = runs.values.clone()
        if extra:
            advantage[:, :terms] -= runs.values[:, terms:]
        return runs.gradient(weight * advantage, weight)


@dataclass(frozen=True)
class LocalExpectation:
    """Local expectation gradients (IndeCateR): every element's own expectation is summed, the others are drawn.

    ``sum_d sum_k grad p_d(k) f(x_{-d}, k) + grad f(x)``, x one run. Written with differences, ``sum_{k != x_d} grad p_d(k)
    (f(x_{-d}, k) - f(x))``, since the probabilities' gradients sum to zero. In a chained program later sites are redrawn,
    coupled to the recorded run. Unbiased for all p, 0 and 1 included. Cost: 1 + the sum of K - 1 over all elements.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli, Distribution
        >>> program = lambda params, sample: (sample(Bernoulli(params)) + 1) ** 3
        >>> LocalExpectation()(program, torch.tensor(0.3), 2, torch.Generator())
        tensor([7., 7.])

    References:
        Titsias and Lazaro-Gredilla (2015), arXiv 1503.01494; De Smet, Sansone and Zuidberg Dos Martires (2023), arXiv
        2311.12569.
    """

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    evaluations: ClassVar[int | None] = None
    reference: ClassVar[str] = "Titsias & Lazaro-Gredilla 2015"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        primal = _Primal.of(program, row_leaf(params, num_samples), generator)
        surrogate = primal.objective
        for number, drawn in enumerate(primal.tape.draws):
            if not drawn.site.requires_grad:
                continue
            categories = drawn.site.num_categories
            indices = drawn.index.reshape(num_samples, -1).long()
            tables = drawn.site.probabilities().reshape(num_samples, -1, categories)
            for position, (recorded, table) in enumerate(zip(indices.unbind(1), tables.unbind(1), strict=True)):
                place = torch.full_like(recorded, number), torch.full_like(recorded, position)
                for step in range(1, categories):
                    other = (recorded + step) % categories
                    surrogate = surrogate + primal.change(*place, recorded, other, _pick(table, other), generator)
        return row_gradients(surrogate, primal.leaf)


@dataclass(frozen=True)
class BitFlip:
    """bitflip-1: the local expectation of one bit, chosen uniformly.

    ``D grad p_i (f(b with b_i = 1) - f(b with b_i = 0))`` with i uniform over the D bits that depend on the parameters, plus
    ``grad f(b)``. In a chained program later sites are redrawn, coupled to the recorded run. Unbiased for all p, 0 and 1
    included; its variance grows with D. Cost: two evaluations.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli, Distribution
        >>> program = lambda params, sample: (sample(Bernoulli(params)) + 1) ** 3
        >>> BitFlip()(program, torch.tensor(0.3), 2, torch.Generator())
        tensor([7., 7.])

    References:
        Kunes, Yin, Land, Haviv, Pe'er and Tavare (2022), arXiv 2208.06124.
    """

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=2.0)
    sites: ClassVar[tuple[type, ...]] = (Bernoulli,)
    evaluations: ClassVar[int | None] = 2
    reference: ClassVar[str] = "Kunes et al. 2022"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        primal = _Primal.of(_bits_only(program), row_leaf(params, num_samples), generator)
        free = [entry for entry in primal.tape.draws if entry.site.requires_grad]
        if not free:
            return row_gradients(primal.objective, primal.leaf)
        bits = torch.cat([each.index.reshape(num_samples, -1) for each in free], 1)
        probs = torch.cat([each.site.probs.reshape(num_samples, -1) for each in free], 1)
        places = [
            (number, position)
            for number, entry in enumerate(primal.tape.draws)
            if entry.site.requires_grad
            for position in range(entry.index[0].numel())
        ]
        column = choose(torch.ones_like(probs, requires_grad=False), generator)
        number, position = torch.tensor(places, device=column.device)[column].unbind(1)
        recorded, chosen = _pick(bits, column), _pick(probs, column)
        probability = torch.where(recorded, 1 - chosen, chosen)
        change = primal.change(number, position, recorded, ~recorded, probability, generator)
        return row_gradients(len(places) * change + primal.objective, primal.leaf)


@dataclass(frozen=True, eq=False)
class _Primal:
    """A recorded run, to be repeated with one element changed."""

    program: Program
    leaf: Tensor
    tape: Tape[FiniteSite]
    objective: Tensor

    @classmethod
    def of(cls, program: Program, leaf: Tensor, generator: torch.Generator) -> _Primal:
        tape: Tape[FiniteSite] = Tape()
        return cls(program, leaf, tape, evaluate(program, leaf, recording(len(leaf), generator, tape, finite_site_of)))

    def change(
        self,
        number: Tensor,
        position: Tensor,
        recorded: Tensor,
        other: Tensor,
        probability: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Return ``(f(other) - f(recorded)) p(other)``, ``[rows]``, with the difference detached.

        Args:
            number: The number of each row's site, ``[rows]``.
            position: The position of its element, ``[rows]``.
            recorded: The element's index, ``[rows]``.
            other: The index that it is changed to, ``[rows]``.
            probability: p(other), ``[rows]``.
            generator: The source of the draws behind the element.
        """
        counts = self._counts(probability)
        with torch.no_grad():
            # An outcome that cannot happen, nor begin to, is not evaluated: the program may have no value there.
            target = torch.where(counts, other, recorded)
            replay = replaying(self.tape, number, position, target, generator)
            gain = evaluate(self.program, self.leaf.detach(), replay) - self.objective
        return torch.where(counts, gain, 0.0) * probability

    def _counts(self, probability: Tensor) -> Tensor:
        """Return True where a probability is positive, or zero with a derivative that is not."""
        positive = probability.detach() > 0
        if bool(positive.all()) or not probability.requires_grad:
            return positive
        (derivative,) = torch.autograd.grad(probability.sum(), self.leaf, retain_graph=True)
        return positive | (derivative.reshape(len(positive), -1) != 0).any(1)


def _bits_only(program: Program) -> Program:
    """Return the same program, which now refuses a site that is not Bernoulli."""

    def require_same_sites(params: Tensor, sample: Sample) -> Tensor:
        def checking(distribution: Distribution) -> Tensor:
            site = finite_site_of(distribution, len(params))
            if not site.boolean:
                raise UnsupportedSiteError(f"bitflip-1: a site has {site.num_categories} categories; it needs Bernoulli sites")
            return sample(distribution)

        return program(params, checking)

    return require_same_sites


def _pick(table: Tensor, column: Tensor) -> Tensor:
    return table.gather(1, column.unsqueeze(1)).squeeze(1)
