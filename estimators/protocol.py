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
    """The claims of an estimator, against which verification holds it.

    Attributes:
        bias: ``unbiased``, ``biased`` or ``no-gradient``. A declared bias is not refuted by problems on which it vanishes.
        exact_degree: The degree up to which objectives that are polynomials in each sample of an unchained program have an
            unbiased gradient; None if no such claim is made.
        continuous_only: True if the claim holds only for objectives that are continuous between the points of the support.
        variance_exponent: The growth of one replicate's variance with the length n of the random walk, for d/dp E[X_n^2].
        note: The claim of the rule's authors, if it differs from what is declared here.
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
    """The facts that verification needs about an estimator, with defaults for one that declares nothing.

    Attributes:
        claims: The claims that it declares.
        sites: The types of sites that it supports.
        needs_differentiable: True if it differentiates the objective with respect to the samples.
        deterministic: True if its rows are one number repeated, so rows cannot be isolated from each other.
        forward: ``law`` if the values of the first run follow the law of their sites; ``relaxed`` if they lie between the
            points of the support; ``forced`` if outcomes are set.
        evaluations: The number of program evaluations a replicate; None if it depends on the program.
        reference: The source of the rule: authors, year, title or identifier.
    """

    claims: Claims
    sites: tuple[type[Distribution], ...]
    needs_differentiable: bool
    deterministic: bool
    forward: str
    evaluations: int | None
    reference: str


def describe(estimator: Estimator) -> Description:
    """Read what an estimator declares."""
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
    """Run a program and check its result against the contract.

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
        returned = tuple(objective.shape) if isinstance(objective, Tensor) else type(objective).__name__
        raise TypeError(
            f"the program returned {returned} for {rows} rows; expected a tensor of shape ({rows},), one objective a row"
        )
    return objective


def require_floating(params: Tensor) -> None:
    """Refuse parameters in which nothing can be differentiated.

    Raises:
        TypeError: They are not floating numbers.
    """
    if not params.is_floating_point():
        raise TypeError(f"params are {params.dtype}; an estimator differentiates in floating parameters, as params.double()")


def row_leaf(params: Tensor, rows: int) -> Tensor:
    """Repeat the parameters once a row, ``[rows, *param]``, as the leaf of one backward pass.

    Raises:
        TypeError: The parameters are not floating numbers.
        ValueError: There are no rows.
        RuntimeError: Gradients are switched off, so that every estimate would silently be zero.
    """
    require_floating(params)
    if rows < 1:
        raise ValueError(f"{rows} rows were asked for; num_samples must be at least 1")
    if not torch.is_grad_enabled():
        raise RuntimeError("gradients are switched off; call the estimator outside torch.no_grad and torch.inference_mode")
    return params.detach().expand(rows, *params.shape).requires_grad_()


def row_gradients(surrogate: Float[Tensor, " rows"], leaf: Tensor, *, retain_graph: bool = False) -> Tensor:
    """Return the gradients of every row's surrogate by one backward pass.

    Row i of a surrogate touches row i of the leaf alone, so the gradient of the sum holds all rows' gradients.
    A surrogate that does not depend on the leaf (an indicator of the samples) has gradient zero.

    Args:
        surrogate: ``[rows]``.
        leaf: The leaf that `row_leaf` made, ``[rows, *param]``.
        retain_graph: True if another backward pass will need the graph.

    Returns:
        ``[rows, *param]``, detached.
    """
    if not surrogate.requires_grad:
        return torch.zeros_like(leaf, requires_grad=False)
    (gradient,) = torch.autograd.grad(surrogate.sum(), leaf, allow_unused=True, retain_graph=retain_graph)
    return torch.zeros_like(leaf, requires_grad=False) if gradient is None else gradient
