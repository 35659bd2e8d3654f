"""Probing of foreign samplers: what they take and return is what gives samples of the law that they were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .calling import answer, entries, fresh
from .convention import AmbiguousTargetError, Argument, Convention, Wanted
from .randomness import forked
from .reading import EVERY, PROBABILITIES, TRIALS, readings
from .signature import named_takes

__all__ = ["PROBE_ROWS", "TEMPERATURE", "feed", "find_rule", "find_sampler", "handed_sample"]

PROBE_ROWS = 4096
TEMPERATURE = 1.0

_NEAR, _FAR = 0.08, 0.16  # distances of laws: sampling error is below 0.03, the nearest wrong convention is off by 0.2


@dataclass(frozen=True)
class _Found:
    """A convention under which something was sampled, and how far its law was from the one asked for."""

    convention: Convention
    distance: float


def find_sampler(
    target: Any, candidates: list[tuple[Argument, ...]], wanted: Wanted, errors: list[str], *, keywords: bool = False
) -> Convention | None:
    """The convention under which a callable draws samples with the law that it is asked for.

    Args:
        target: The foreign callable.
        candidates: Arguments to try.
        wanted: What its user states; a stated ``takes`` is believed whatever the law.
        errors: What calls raised is added here.
        keywords: It is a class with ``probs=`` and ``logits=``: both are right, and the first will do.

    Returns:
        The convention, or None where nothing sampled.

    Raises:
        AmbiguousTargetError: Several conventions fit, or samples came with a law that fits none.
    """
    found = [each for arguments in candidates for each in _sampled(target, arguments, wanted, errors)]
    if not found:
        return None
    seen = sorted({each.convention.returns for each in found})
    found = [each for each in found if wanted.returns in ("", each.convention.returns)]
    if not found:
        raise AmbiguousTargetError(
            f"--returns {wanted.returns} was said, and what it returns is {' or '.join(seen)}; leave it out"
        )
    nearest = min(each.distance for each in found)
    if nearest > _NEAR and not wanted.takes:
        raise AmbiguousTargetError(
            f"it samples, and neither probabilities nor logits give it the law that it should have (off by {nearest:.2g} "
            "at best); say --takes probs or --takes logits, and its law is judged by the forward check"
        )
    limit = nearest if wanted.takes else _FAR
    return _chosen([each for each in found if each.distance <= max(limit, _NEAR)], keywords, wanted.objective)


def _sampled(target: Any, arguments: tuple[Argument, ...], wanted: Wanted, errors: list[str]) -> Iterator[_Found]:
    roles = [role for _, role in arguments]
    if "objective" in roles or "sample" in roles:
        return
    heat = TEMPERATURE if "temperature" in roles else None
    for takes, family in (("probs", ""), ("logits", "categories"), ("logits", "bits")):
        if wanted.takes not in ("", takes):
            continue
        convention = Convention("sampler", arguments, takes, temperature=heat)
        theta = feed(takes, bits=family == "bits")
        given = attempt(target, convention, {"theta": theta, "count": torch.full_like(theta, TRIALS)}, errors)
        for place, tensor in entries(given):
            if tensor.shape[:1] != theta.shape[:1]:
                errors.append(f"it returned shape {tuple(tensor.shape)} for {takes} of shape {tuple(theta.shape)}")
                continue
            settled = replace(convention, item=place, gradient_path=tensor.requires_grad)
            for each in readings(tensor):
                fits = family in ("", "bits" if each.returns == "value" else "categories")
                if fits and ("count" in roles) == (each.sites == ("Binomial",)):
                    read = replace(settled, returns=each.returns, sites=each.sites, relaxed=each.relaxed)
                    yield _Found(read, each.distance)


def _chosen(found: list[_Found], keywords: bool, objective: str) -> Convention:
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


def find_rule(target: Any, candidates: list[tuple[Argument, ...]], wanted: Wanted, errors: list[str]) -> Convention | None:
    """The convention of a function that is handed a sample and returns it, with a gradient attached.

    That such a function takes logits is seen from its name for them, or from a gradient that no common shift changes.

    Raises:
        AmbiguousTargetError: It could take probabilities or logits.
    """
    for arguments in candidates:
        if "sample" not in [role for _, role in arguments]:
            continue
        for handed in ("one-hot", "index", "value"):
            if wanted.returns in ("", handed):
                found = _echoed(target, arguments, handed, wanted, errors)
                if found is not None:
                    return found
    return None


def _echoed(target: Any, arguments: tuple[Argument, ...], handed: str, wanted: Wanted, errors: list[str]) -> Convention | None:
    heat = TEMPERATURE if "temperature" in [role for _, role in arguments] else None
    sites = {"one-hot": EVERY, "index": tuple(each for each in EVERY if each != "OneHotCategorical"), "value": ("Bernoulli",)}
    theta, sample = feed("logits", bits=handed == "value"), handed_sample(handed)
    convention = Convention("handed a sample", arguments, "logits", handed, handed, sites[handed], temperature=heat)
    given = attempt(target, convention, {"theta": theta, "sample": sample}, errors)
    for place, tensor in entries(given):
        same = tensor.shape == sample.shape and bool(((tensor - sample).abs() < 1e-4).all())
        if not same or tensor is sample:
            continue
        takes = wanted.takes or named_takes(target, arguments) or _takes_of(tensor, theta)
        return replace(convention, takes=takes, item=place, gradient_path=tensor.requires_grad)
    return None


def _takes_of(tensor: Tensor, theta: Tensor) -> str:
    if not tensor.requires_grad:
        return "probs"
    weight = torch.linspace(-1.0, 1.0, tensor.numel(), dtype=torch.float64).reshape(tensor.shape)
    (slope,) = torch.autograd.grad((tensor * weight).sum(), theta, allow_unused=True)
    if slope is not None and bool((slope.sum(-1).abs() < 1e-8 * slope.abs().sum(-1)).all()):
        return "logits"
    raise AmbiguousTargetError(
        "it is handed a sample, and could take probabilities or logits; say --takes probs or --takes logits"
    )


def attempt(target: Any, convention: Convention, filled: dict[str, Any], errors: list[str]) -> Any:
    """One call as a probe: on a copy of the target, its randomness seeded; what it raises is noted, and gives None."""
    generator = torch.Generator().manual_seed(0)
    heat = None if convention.temperature is None else torch.tensor(convention.temperature, dtype=torch.float64)
    with forked(generator):
        try:
            return answer(fresh(target), convention, {"temperature": heat, "generator": generator, **filled})
        except Exception as error:
            errors.append(f"a call raised {type(error).__name__}: {error}"[:200])
            return None


def feed(takes: str, *, bits: bool = False, rows: int = PROBE_ROWS) -> Tensor:
    """`PROBABILITIES` in every row, as what the convention takes, ``[rows, K]``, requiring a gradient."""
    p = torch.tensor(PROBABILITIES, dtype=torch.float64)
    logits = (p / (1 - p)).log() if bits else p.log()
    return (p if takes == "probs" else logits).expand(rows, -1).clone().requires_grad_()


def handed_sample(form: str) -> Tensor:
    """Samples with the law `PROBABILITIES`, in the form asked for."""
    generator = torch.Generator().manual_seed(1)
    p = torch.tensor(PROBABILITIES, dtype=torch.float64)
    if form == "value":
        return (torch.rand(PROBE_ROWS, len(p), generator=generator, dtype=torch.float64) < p).double()
    index = torch.multinomial(p, PROBE_ROWS, replacement=True, generator=generator)
    return index if form == "index" else torch.nn.functional.one_hot(index, len(p)).double()
