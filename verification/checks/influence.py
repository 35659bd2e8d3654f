"""The influence of rare outcomes on an estimator's mean, seen on rows in which they are forced to occur.

A rare outcome that no row has shown may hold a bias, so a cell waits for ten sightings of it. How much it can hold is the
estimator's affair: a weight 1 / p makes the rarest outcome matter, and without one an outcome of probability 1e-6 carries
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.overrides import TorchFunctionMode

from ...estimators.protocol import Estimator, Sample, evaluate
from ...estimators.runs.tape import Tape, recording
from ...estimators.sites import FiniteSite, Site, is_finite, site_of
from ..problems.problem import Problem
from ..truth.reference import Array
from .law_runs import choose_runs

__all__ = ["ROWS", "Influence", "RareOutcome", "find_rare_outcomes", "forced_influence"]

ROWS = 1024
"""The replicates in which one outcome is forced."""

MOST_OUTCOMES = 32
"""The rare outcomes that are looked at; a program with more of them keeps its gate."""

_PILOT_ROWS = 64
_NOT_RARE = 0.01  # the share of a batch's runs from which on ordinary rows show an outcome
_ERRORS = 3  # standard errors that are added to a mean


@dataclass(frozen=True)
class RareOutcome:
    """An outcome of one element of a site.

    Attributes:
        site: The number of the site, in the order of a run.
        element: The number of the element within a row of the site.
        category: The outcome.
        probability: Its probability.
    """

    site: int
    element: int
    category: int
    probability: float


def find_rare_outcomes(problem: Problem, below: float) -> list[RareOutcome] | None:
    """Return the possible outcomes that are rarer than a probability, all of them or None.

    It is None if probabilities depend on earlier outcomes, so that a rare state may hide rarer ones, if a law has no list of
    outcomes, or if there are more than 32.

    Args:
        problem: The problem; its program is run once, on 64 rows.
        below: The probability from which on an outcome is not rare.
    """
    tape: Tape[Site] = Tape()
    generator = torch.Generator().manual_seed(0)
    params = problem.params.cpu().expand(_PILOT_ROWS, *problem.params.shape)
    with torch.no_grad():
        evaluate(problem.program, params, recording(_PILOT_ROWS, generator, tape))
    found: list[RareOutcome] = []
    for number, drawn in enumerate(tape.draws):
        if not is_finite(drawn.site):
            return None
        probabilities = drawn.site.probabilities().double().reshape(_PILOT_ROWS, -1, drawn.site.num_categories)
        if not torch.allclose(probabilities, probabilities[:1], rtol=1e-9, atol=0.0):
            return None
        for element, category in ((probabilities[0] > 0) & (probabilities[0] < below)).nonzero().tolist():
            found.append(RareOutcome(number, element, category, float(probabilities[0, element, category])))
        if len(found) > MOST_OUTCOMES:
            return None
    return found


@dataclass(frozen=True, eq=False)
class Influence:
    """The part that an outcome has in an estimator's rows.

    Attributes:
        carried: A bound on its part of the mean, ``p (|mean| + 3 se)`` of forced rows, ``[d]``.
        reach: The largest forced row ``[d]``.
    """

    carried: Array
    reach: Array


def forced_influence(
    estimator: Estimator, problem: Problem, outcome: RareOutcome, generator: torch.Generator
) -> Influence | None:
    """Return the part that an outcome has in an estimator's rows, from rows in which it is forced.

    The uniform that draws the element is moved into the outcome's interval, in one run of a replicate; the rest of the rows is
    drawn as ever, so they follow their law given the outcome. With c runs a replicate the outcome is c times as likely. Later
    batches of runs may repeat outcomes or set them, as those who go through all alternatives do: then the outcome is not rare
    there, and ordinary rows show it. A later batch that draws the site, and in which the outcome stays rare, is not understood.

    Args:
        estimator: The estimator, fitted if it learns.
        problem: The problem.
        outcome: The outcome.
        generator: The source of randomness.

    Returns:
        The influence; None if the outcome could not be forced, because the estimator does not draw this site by inversion, or
        draws it in several batches.
    """
    watch = _ForcingWatch(outcome)
    rows = _run(estimator, problem, watch, generator)
    if rows is None or not watch.forced:
        return None
    if watch.drawn_again:
        plain = _ForcingWatch(outcome, force=False)
        if _run(estimator, problem, plain, generator) is None or np.mean(plain.shown or [0.0]) < _NOT_RARE:
            return None
    values = np.asarray(rows.reshape(ROWS, -1).double().cpu())
    bound = np.abs(values.mean(0)) + _ERRORS * values.std(0) / np.sqrt(ROWS)
    return Influence(np.asarray(outcome.probability * watch.runs * bound / watch.share), np.abs(values).max(0))


def _run(estimator: Estimator, problem: Problem, watch: _ForcingWatch, generator: torch.Generator) -> Tensor | None:
    """Return rows of an estimator on the watched program; None if it cannot run there."""

    def watched_program(params: Tensor, sample: Sample) -> Tensor:
        sites = watch.begin(len(params))
        return problem.program(params, lambda distribution: watch.draw(next(sites), distribution, sample))

    try:
        return estimator(watched_program, problem.params.clone(), ROWS, generator)
    except Exception:  # it knows its own program alone
        return None


class _ForcingWatch:
    """The forcing of one outcome in the first full batch of runs.

    Attributes:
        forced: True if the outcome occurred in every chosen run.
        drawn_again: True if a later batch drew uniforms for the site.
        runs: The runs of a replicate.
        share: The share of the replicates with a chosen run.
        shown: The shares of the runs in which the outcome occurred, for each later batch.
    """

    def __init__(self, outcome: RareOutcome, *, force: bool = True) -> None:
        self.forced, self.drawn_again = False, False
        self.runs, self.share = 1, 1.0
        self.shown: list[float] = []
        self._outcome, self._force = outcome, force
        self._batches = 0
        self._full = False

    def begin(self, rows: int) -> Iterator[int]:
        """Begin a batch of runs; return the numbers of its sites."""
        # A shorter batch inspects the program's structure.
        self._full = rows >= ROWS
        self._batches += self._full
        return count()

    def draw(self, number: int, distribution: Distribution, sample: Sample) -> Tensor:
        """Draw a site, with the outcome forced if it is the site of the outcome."""
        if not self._full or number != self._outcome.site:
            return sample(distribution)
        if self._batches > 1:
            with _Uniforms() as uniforms:
                value = sample(distribution)
            self.drawn_again |= uniforms.drawn
            self.shown.append(self._count(site_of(distribution).detach(), value))
            return value
        site = site_of(distribution).detach()
        runs = site.shape[0]
        if not self._force or not is_finite(site) or runs % ROWS:
            return sample(distribution)
        chosen = torch.from_numpy(choose_runs(np.arange(runs), runs, ROWS)).to(site.device)
        self.runs, self.share = runs // ROWS, len(chosen) / ROWS
        with _ForcedUniforms(site, chosen, self._outcome):
            value = sample(distribution)
        drawn = site.nearest(value.detach()).long().reshape(runs, -1)[chosen, self._outcome.element]
        self.forced = bool((drawn == self._outcome.category).all())
        return value

    def _count(self, site: Site, value: Tensor) -> float:
        """Return the share of the runs in which the outcome occurred."""
        if not is_finite(site):
            return 0.0
        drawn = site.nearest(value.detach()).long().reshape(site.shape[0], -1)[:, self._outcome.element]
        return float((drawn == self._outcome.category).double().mean())


class _Uniforms(TorchFunctionMode):
    """A context that notes if uniforms were drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = False

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch."""
        self.drawn |= func is torch.rand
        return func(*args, **(kwargs or {}))


class _ForcedUniforms(TorchFunctionMode):
    """A context in which the uniforms of a site's element lie in the interval of one outcome, in the given rows."""

    def __init__(self, site: FiniteSite, rows: Tensor, outcome: RareOutcome) -> None:
        super().__init__()
        self._site, self._rows, self._outcome = site, rows, outcome

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch, and move the uniforms that it drew for the site."""
        result = func(*args, **(kwargs or {}))
        if func is torch.rand and isinstance(result, Tensor) and result.shape == self._site.shape:
            wanted = torch.full(self._site.shape, self._outcome.category, device=result.device)
            inside = self._site.uniform_given(wanted.bool() if self._site.boolean else wanted, result).to(result)
            flat = result.reshape(len(result), -1)
            flat[self._rows, self._outcome.element] = inside.reshape(len(result), -1)[self._rows, self._outcome.element]
            return flat.reshape(result.shape)
        return result
