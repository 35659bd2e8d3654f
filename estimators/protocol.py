"""The three contracts: how a program samples, what a program is, what an estimator is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from .errors import NoGradientPathError, NotApplicableError, UnsupportedSiteError
from .sites.reading import ALL_SITES, CATEGORICAL_SITES, FINITE_SITES

__all__ = [
    "ALL_SITES",
    "CATEGORICAL_SITES",
    "FINITE_SITES",
    "Claims",
    "Description",
    "Estimator",
    "NoGradientPathError",
    "NotApplicableError",
    "Program",
    "Sample",
    "UnsupportedSiteError",
    "describe",
    "evaluate",
    "require_floating",
    "row_gradients",
    "row_leaf",
]

Sample = Callable[[Distribution], Tensor]
"""A sampling primitive: a distribution whose leading batch dimension is the rows, in; a floating tensor, out."""

Program = Callable[[Tensor, Sample], Tensor]
"""A stochastic program: params ``[rows, *param]`` and its sampling primitive, in; the objective ``[rows]``, out."""


@dataclass(frozen=True)
class Claims:
    """What an estimator declares of itself, and what verification holds against it.

    Attributes:
        bias: ``unbiased``, ``biased`` or ``no-gradient``. A declared bias is not refuted by problems on which it vanishes.
        exact_degree: Objectives that are polynomials up to this degree in each sample of an unchained program
            have an unbiased gradient; None where no such claim is made.
        continuous_only: The claim holds for objectives that are continuous between the support's points; elsewhere nothing is
            claimed.
        variance_exponent: Growth of one replicate's variance with the length n of the random walk, for d/dp E[X_n^2].
        note: What the rule's authors claim, where it differs from what is declared here.
    """

    bias: Literal["unbiased", "biased", "no-gradient"] = "unbiased"
    exact_degree: int | None = None
    continuous_only: bool = False
    variance_exponent: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if str(self.bias) == "no_gradient":
            warnings.warn(
                'bias="no_gradient" is spelt "no-gradient"; the old spelling goes with the next minor version',
                DeprecationWarning,
                stacklevel=3,
            )
            object.__setattr__(self, "bias", "no-gradient")


@runtime_checkable
class Estimator(Protocol):
    """One way to differentiate a stochastic program.

    A frozen dataclass whose fields are its hyper-parameters, callable as below. Nothing is subclassed; what else an
    estimator may carry (``claims``, ``sites``, ...) is read by `describe`, with defaults. One that learns has
    ``fit(program, params, *, num_samples, generator) -> Self`` and is frozen afterwards.
    """

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Draw replicates of the gradient estimate.

        Args:
            program: The program to differentiate.
            params: Its parameters, ``[*param]``; one point, not a batch.
            num_samples: Number of independent replicates.
            generator: The only source of randomness, on the parameters' device.

        Returns:
            ``[num_samples, *param]``, one independent replicate a row.
        """
        ...


@dataclass(frozen=True)
class Description:
    """What verification needs to know of an estimator, with the defaults of one that says nothing.

    Attributes:
        claims: What it declares.
        sites: Site types that it supports.
        needs_differentiable: It differentiates the objective with respect to the samples.
        deterministic: Its rows are one number repeated, so rows cannot be isolated from each other.
        forward: ``law`` where the first run's values follow their sites' law; ``relaxed`` where they lie between the support's
            points; ``forced`` where outcomes are set.
        evaluations: Program evaluations a replicate; None where that depends on the program.
        reference: Where it comes from: authors, year, title or identifier.
    """

    claims: Claims
    sites: tuple[type[Distribution], ...]
    needs_differentiable: bool
    deterministic: bool
    forward: str
    evaluations: int | None
    reference: str


def describe(estimator: Estimator) -> Description:
    """Read what an estimator says of itself."""
    return Description(
        claims=getattr(estimator, "claims", Claims()),
        sites=tuple(getattr(estimator, "sites", ALL_SITES)),
        needs_differentiable=bool(getattr(estimator, "needs_differentiable", False)),
        deterministic=bool(getattr(estimator, "deterministic", False)),
        forward=str(getattr(estimator, "forward", "law")),
        evaluations=getattr(estimator, "evaluations", 1),
        reference=str(getattr(estimator, "reference", "")),
    )


def evaluate(program: Program, params: Tensor, sample: Sample) -> Float[Tensor, " rows"]:
    """Run a program and hold it to its contract.

    Args:
        program: The program.
        params: ``[rows, *param]``.
        sample: The sampling primitive.

    Returns:
        The objective, ``[rows]``.

    Raises:
        TypeError: The program returned something other than a tensor of shape ``[rows]``.
    """
    objective = program(params, sample)
    rows = params.shape[0]
    if not isinstance(objective, Tensor) or objective.shape != (rows,):
        found = tuple(objective.shape) if isinstance(objective, Tensor) else type(objective).__name__
        raise TypeError(
            f"the program returned {found} for {rows} rows; expected a tensor of shape ({rows},), one objective a row"
        )
    return objective


def require_floating(params: Tensor) -> None:
    """Refuse parameters in which nothing can be differentiated.

    Raises:
        TypeError: They are no floating numbers.
    """
    if not params.is_floating_point():
        raise TypeError(f"params are {params.dtype}; an estimator differentiates in floating parameters, as params.double()")


def row_leaf(params: Tensor, rows: int) -> Tensor:
    """The parameters once a row, ``[rows, *param]``, as the leaf of one backward pass.

    Raises:
        TypeError: The parameters are no floating numbers.
        ValueError: There are no rows.
        RuntimeError: Gradients are switched off, where every estimate would be zero without a word.
    """
    require_floating(params)
    if rows < 1:
        raise ValueError(f"{rows} rows were asked for; num_samples must be at least 1")
    if not torch.is_grad_enabled():
        raise RuntimeError("gradients are switched off; call the estimator outside torch.no_grad and torch.inference_mode")
    return params.detach().expand(rows, *params.shape).requires_grad_()


def row_gradients(surrogate: Float[Tensor, " rows"], leaf: Tensor, *, retain_graph: bool = False) -> Tensor:
    """Gradients of every row's surrogate by one backward pass.

    Row i of a surrogate touches row i of the leaf alone, so the gradient of the sum holds all rows' gradients.
    A surrogate that does not depend on the leaf (an indicator of the samples) has gradient zero.

    Args:
        surrogate: ``[rows]``.
        leaf: What `row_leaf` made, ``[rows, *param]``.
        retain_graph: Whether another backward pass will need the graph.

    Returns:
        ``[rows, *param]``, detached.
    """
    if not surrogate.requires_grad:
        return torch.zeros_like(leaf, requires_grad=False)
    (gradient,) = torch.autograd.grad(surrogate.sum(), leaf, allow_unused=True, retain_graph=retain_graph)
    return torch.zeros_like(leaf, requires_grad=False) if gradient is None else gradient
