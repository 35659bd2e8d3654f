"""The probe of samplers: the right convention is the one under which the samples have the law asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .answers import find_tensors
from .convention import AmbiguousTargetError
from .reading import BINOMIAL_TRIALS, describe_values, read_samples
from .sampler import SamplerConvention
from .trial import PROBE_ROWS, TEMPERATURE, Trial, make_parameters

__all__ = ["LawError", "find_sampler"]

_CALLS = 1024  # for code that takes one vector or number per call

_NEAR, _FAR = 0.08, 0.16  # distances of laws: the sampling error is below 0.03, the nearest wrong convention is 0.2 away


class LawError(AmbiguousTargetError):
    """A callable whose samples have a law that fits no reading.

    Attributes:
        convention: The nearest convention, which is accepted if the user states the parameters that the callable takes.
    """

    def __init__(self, message: str, convention: SamplerConvention | None) -> None:
        super().__init__(message)
        self.convention = convention


@dataclass(frozen=True)
class _Match:
    """A convention under which samples came, and the distance of their law from the law asked for."""

    convention: SamplerConvention
    distance: float


def find_sampler(trial: Trial) -> SamplerConvention | None:
    """Return the convention under which a callable draws samples with the law asked for.

    Returns:
        The convention, or None if no call returned samples.

    Raises:
        AmbiguousTargetError: Several conventions fit.
        LawError: There are samples, but their law fits no convention.
    """
    hints = trial.hints
    base = SamplerConvention(layout=trial.layout, passed=trial.passed)
    matches = [
        match for arguments in trial.arguments_for("theta") for match in _match(trial, replace(base, arguments=arguments))
    ]
    if not matches:
        return None
    forms = sorted({match.convention.returns for match in matches})
    matches = [match for match in matches if hints.returns in ("", match.convention.returns)]
    if not matches:
        raise AmbiguousTargetError(
            f"--returns {hints.returns} was given, but it returns {' or '.join(forms)}; remove --returns"
        )
    nearest = min(match.distance for match in matches)
    if nearest <= _NEAR:
        near = [match for match in matches if match.distance <= (_NEAR if hints.takes else _FAR)]
        return _choose(near, trial.keywords, hints.objective)
    accepted = [match for match in matches if match.distance <= nearest]
    raise LawError(
        f"it returns samples, but neither probabilities nor logits give them the right law (off by {nearest:.2g} at best); "
        "say --takes probs or --takes logits, and the forward check will judge the law",
        _choose(accepted, trial.keywords, hints.objective) if hints.takes else None,
    )


def _match(trial: Trial, base: SamplerConvention) -> Iterator[_Match]:
    """Call the target with probabilities and logits, and yield the conventions under which samples came."""
    if "objective" in base.roles or "sample" in base.roles:
        return
    heat = TEMPERATURE if "temperature" in base.roles else None
    for takes, family in (("probs", ""), ("logits", "categories"), ("logits", "bits")):
        if trial.hints.takes not in ("", takes) or (base.layout == "numbers" and family == "categories"):
            continue
        convention = replace(base, takes=takes, temperature=heat)
        theta = make_parameters(takes, bits=family == "bits", rows=PROBE_ROWS if base.layout == "rows" else _CALLS)
        # A number that is demanded is the number of a binomial's trials, or of samples.
        for count in (torch.full_like(theta, BINOMIAL_TRIALS), 1) if "count" in base.roles else (0,):
            given = trial.attempt(convention, {"theta": theta, "count": count})
            for match in _read(convention, given, theta, trial.errors):
                fits = family in ("", "bits" if match.convention.returns == "value" else "categories")
                if fits and (match.convention.sites == ("Binomial",)) == isinstance(count, Tensor):
                    yield match


def _read(convention: SamplerConvention, given: Any, theta: Tensor, errors: list[str]) -> Iterator[_Match]:
    """Yield every way to read the result of a call; dimensions of size one, such as that of a single sample, are dropped."""
    tensors = find_tensors(given)
    if given is not None and not tensors:
        errors.append(f"it returned a {type(given).__name__}")
    for place, whole in tensors:
        tensor = whole.reshape([size for size in whole.shape if size != 1])
        if tensor.shape[:1] != theta.shape[:1]:
            errors.append(f"it returned shape {tuple(tensor.shape)} for {convention.takes} of shape {tuple(theta.shape)}")
            continue
        if convention.layout != "rows" and bool((tensor == tensor[:1]).all()):  # such as a number that it was handed
            continue
        placed = replace(convention, item=place, gradient_path=tensor.requires_grad)
        readings = list(read_samples(tensor))
        if not readings:
            errors.append(f"it returned {describe_values(tensor)}, not one-hot vectors, indices, bits (0 and 1) or counts")
        for reading in readings:
            fitting = replace(placed, returns=reading.returns, sites=reading.sites, relaxed=reading.relaxed)
            yield _Match(fitting, reading.distance)


def _choose(matches: list[_Match], keywords: bool, objective: str) -> SamplerConvention:
    """Choose a convention: prefer a gradient path, then the samples that the objective asks for, then the nearest law."""
    relaxed = objective == "relaxed"
    for is_better in (lambda match: match.convention.gradient_path, lambda match: match.convention.relaxed == relaxed):
        matches = [match for match in matches if is_better(match)] or matches
    conventions = [match.convention for match in sorted(matches, key=lambda match: match.distance)]
    first = conventions[0]
    if keywords:
        conventions = [convention for convention in conventions if convention.takes == "probs"] or conventions
        return conventions[0]
    for attribute, option in (("takes", "--takes probs|logits"), ("returns", "--returns one-hot|index|value")):
        values = sorted({getattr(convention, attribute) for convention in conventions})
        if len(values) > 1:
            raise AmbiguousTargetError(f"it fits {' and '.join(values)} equally well; say which with {option}")
    if len({convention.item for convention in conventions}) > 1:
        raise AmbiguousTargetError(
            f"entries {' and '.join(str(convention.item) for convention in conventions)} of its result are both samples of the "
            f"form {first.returns}, and no option tells them apart; give a function that returns only one of them"
        )
    return first
