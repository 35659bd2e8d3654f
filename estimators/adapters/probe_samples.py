"""Probing of foreign samplers: what they take and return is what gives samples of the law that they were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .answers import entries
from .convention import AmbiguousTargetError
from .reading import TRIALS, readings, seen
from .sampler import SamplerConvention
from .trial import PROBE_ROWS, TEMPERATURE, Trial, feed

__all__ = ["LawError", "find_sampler"]

_CALLS = 1024  # of what takes one vector or number a call

_NEAR, _FAR = 0.08, 0.16  # distances of laws: sampling error is below 0.03, the nearest wrong convention is off by 0.2


class LawError(AmbiguousTargetError):
    """Samples came, with a law that fits no reading.

    Attributes:
        convention: The nearest, to be believed where its user states what is taken.
    """

    def __init__(self, message: str, convention: SamplerConvention | None) -> None:
        super().__init__(message)
        self.convention = convention


@dataclass(frozen=True)
class _Found:
    """A convention under which something was sampled, and how far its law was from the one asked for."""

    convention: SamplerConvention
    distance: float


def find_sampler(trial: Trial) -> SamplerConvention | None:
    """The convention under which a callable draws samples with the law that it is asked for.

    Returns:
        The convention, or None where nothing sampled.

    Raises:
        AmbiguousTargetError: Several conventions fit.
        LawError: Samples came with a law that fits none.
    """
    hints = trial.hints
    base = SamplerConvention(layout=trial.layout, passed=trial.passed)
    found = [each for arguments in trial.arguments_for("theta") for each in _sampled(trial, replace(base, arguments=arguments))]
    if not found:
        return None
    seen = sorted({each.convention.returns for each in found})
    found = [each for each in found if hints.returns in ("", each.convention.returns)]
    if not found:
        raise AmbiguousTargetError(
            f"--returns {hints.returns} was said, and what it returns is {' or '.join(seen)}; leave it out"
        )
    nearest = min(each.distance for each in found)
    if nearest <= _NEAR:
        near = [each for each in found if each.distance <= (_NEAR if hints.takes else _FAR)]
        return _chosen(near, trial.keywords, hints.objective)
    believed = [each for each in found if each.distance <= nearest]
    raise LawError(
        f"it samples, and neither probabilities nor logits give it the law that it should have (off by {nearest:.2g} "
        "at best); say --takes probs or --takes logits, and its law is judged by the forward check",
        _chosen(believed, trial.keywords, hints.objective) if hints.takes else None,
    )


def _sampled(trial: Trial, base: SamplerConvention) -> Iterator[_Found]:
    if "objective" in base.roles or "sample" in base.roles:
        return
    heat = TEMPERATURE if "temperature" in base.roles else None
    for takes, family in (("probs", ""), ("logits", "categories"), ("logits", "bits")):
        if trial.hints.takes not in ("", takes) or (base.layout == "numbers" and family == "categories"):
            continue
        convention = replace(base, takes=takes, temperature=heat)
        theta = feed(takes, bits=family == "bits", rows=PROBE_ROWS if base.layout == "rows" else _CALLS)
        # A number that is demanded is that of a binomial's trials, or of samples.
        for count in (torch.full_like(theta, TRIALS), 1) if "count" in base.roles else (0,):
            given = trial.attempt(convention, {"theta": theta, "count": count})
            for read in _read(convention, given, theta, trial.errors):
                fits = family in ("", "bits" if read.convention.returns == "value" else "categories")
                if fits and (read.convention.sites == ("Binomial",)) == isinstance(count, Tensor):
                    yield read


def _read(convention: SamplerConvention, given: Any, theta: Tensor, errors: list[str]) -> Iterator[_Found]:
    """Every way to understand what a call gave back; a dimension of one, such as that of a single sample, says nothing."""
    found = entries(given)
    if given is not None and not found:
        errors.append(f"it returned a {type(given).__name__}")
    for place, tensor in ((place, each.reshape([size for size in each.shape if size != 1])) for place, each in found):
        if tensor.shape[:1] != theta.shape[:1]:
            errors.append(f"it returned shape {tuple(tensor.shape)} for {convention.takes} of shape {tuple(theta.shape)}")
            continue
        if convention.layout != "rows" and bool((tensor == tensor[:1]).all()):  # a number that it was handed, say
            continue
        settled = replace(convention, item=place, gradient_path=tensor.requires_grad)
        read = list(readings(tensor))
        if not read:
            errors.append(f"it returned {seen(tensor)}, which are no one-hot vectors, indices, bits (0 and 1) or counts")
        for each in read:
            yield _Found(replace(settled, returns=each.returns, sites=each.sites, relaxed=each.relaxed), each.distance)


def _chosen(found: list[_Found], keywords: bool, objective: str) -> SamplerConvention:
    """The one that is left when what carries a gradient, is hard (or relaxed, as the objective) and is nearest is preferred."""
    relaxed = objective == "relaxed"
    for better in (lambda each: each.convention.gradient_path, lambda each: each.convention.relaxed == relaxed):
        found = [each for each in found if better(each)] or found
    conventions = [each.convention for each in sorted(found, key=lambda each: each.distance)]
    first = conventions[0]
    if keywords:
        conventions = [each for each in conventions if each.takes == "probs"] or conventions
        return conventions[0]
    for attribute, option in (("takes", "--takes probs|logits"), ("returns", "--returns one-hot|index|value")):
        seen = sorted({getattr(each, attribute) for each in conventions})
        if len(seen) > 1:
            raise AmbiguousTargetError(f"it fits {' and '.join(seen)} alike; say which with {option}")
    if len({each.item for each in conventions}) > 1:
        raise AmbiguousTargetError(
            f"entries {' and '.join(str(each.item) for each in conventions)} of what it returns are samples alike, as "
            f"{first.returns}; --returns cannot tell them apart: give a function that returns the one that is meant"
        )
    return first
