"""Probing of foreign samplers: what they take and return is what gives samples of the law that they were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .answers import entries
from .calling import answer, fresh
from .convention import AmbiguousTargetError, Argument, Convention, Wanted
from .randomness import forked
from .reading import EVERY, PROBABILITIES, TRIALS, readings, seen
from .signature import named_takes

__all__ = ["PROBE_ROWS", "TEMPERATURE", "LawError", "attempt", "feed", "find_rule", "find_sampler", "handed_sample"]

PROBE_ROWS = 4096
TEMPERATURE = 1.0

_CALLS = 1024  # of what takes one vector or number a call

_INVITATION = "(Could this error message be improved?"  # PyTorch's, to write to its own authors

_NEAR, _FAR = 0.08, 0.16  # distances of laws: sampling error is below 0.03, the nearest wrong convention is off by 0.2


class LawError(AmbiguousTargetError):
    """Samples came, with a law that fits no reading.

    Attributes:
        convention: The nearest, to be believed where its user states what is taken.
    """

    def __init__(self, message: str, convention: Convention | None) -> None:
        super().__init__(message)
        self.convention = convention


@dataclass(frozen=True)
class _Found:
    """A convention under which something was sampled, and how far its law was from the one asked for."""

    convention: Convention
    distance: float


def find_sampler(
    target: Any,
    candidates: list[tuple[Argument, ...]],
    wanted: Wanted,
    errors: list[str],
    *,
    keywords: bool = False,
    layout: str = "rows",
    passed: str = "tensors",
) -> Convention | None:
    """The convention under which a callable draws samples with the law that it is asked for.

    Args:
        target: The foreign callable.
        candidates: Arguments to try.
        wanted: What its user states.
        errors: What calls raised is added here.
        keywords: It is a class with ``probs=`` and ``logits=``: both are right, and the first will do.
        layout: ``rows``, ``vectors`` or ``numbers``: how it is called.
        passed: ``tensors``, ``float32`` or ``arrays``: what it is handed.

    Returns:
        The convention, or None where nothing sampled.

    Raises:
        AmbiguousTargetError: Several conventions fit.
        LawError: Samples came with a law that fits none.
    """
    base = Convention("sampler", layout=layout, passed=passed)
    found = [each for arguments in candidates for each in _sampled(target, replace(base, arguments=arguments), wanted, errors)]
    if not found:
        return None
    seen = sorted({each.convention.returns for each in found})
    found = [each for each in found if wanted.returns in ("", each.convention.returns)]
    if not found:
        raise AmbiguousTargetError(
            f"--returns {wanted.returns} was said, and what it returns is {' or '.join(seen)}; leave it out"
        )
    nearest = min(each.distance for each in found)
    if nearest <= _NEAR:
        near = [each for each in found if each.distance <= (_NEAR if wanted.takes else _FAR)]
        return _chosen(near, keywords, wanted.objective)
    believed = [each for each in found if each.distance <= nearest]
    raise LawError(
        f"it samples, and neither probabilities nor logits give it the law that it should have (off by {nearest:.2g} "
        "at best); say --takes probs or --takes logits, and its law is judged by the forward check",
        _chosen(believed, keywords, wanted.objective) if wanted.takes else None,
    )


def _sampled(target: Any, base: Convention, wanted: Wanted, errors: list[str]) -> Iterator[_Found]:
    if "objective" in base.roles or "sample" in base.roles:
        return
    heat = TEMPERATURE if "temperature" in base.roles else None
    for takes, family in (("probs", ""), ("logits", "categories"), ("logits", "bits")):
        if wanted.takes not in ("", takes) or (base.layout == "numbers" and family == "categories"):
            continue
        convention = replace(base, takes=takes, temperature=heat)
        theta = feed(takes, bits=family == "bits", rows=PROBE_ROWS if base.layout == "rows" else _CALLS)
        # A number that is demanded is that of a binomial's trials, or of samples.
        for count in (torch.full_like(theta, TRIALS), 1) if "count" in base.roles else (0,):
            given = attempt(target, convention, {"theta": theta, "count": count}, errors)
            for read in _read(convention, given, theta, errors):
                fits = family in ("", "bits" if read.convention.returns == "value" else "categories")
                if fits and (read.convention.sites == ("Binomial",)) == isinstance(count, Tensor):
                    yield read


def _read(convention: Convention, given: Any, theta: Tensor, errors: list[str]) -> Iterator[_Found]:
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


def find_rule(
    target: Any, candidates: list[tuple[Argument, ...]], wanted: Wanted, errors: list[str], *, passed: str = "tensors"
) -> Convention | None:
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
                found = _echoed(target, arguments, handed, wanted, errors, passed)
                if found is not None:
                    return found
    return None


def _echoed(
    target: Any, arguments: tuple[Argument, ...], handed: str, wanted: Wanted, errors: list[str], passed: str
) -> Convention | None:
    heat = TEMPERATURE if "temperature" in [role for _, role in arguments] else None
    sites = {"one-hot": EVERY, "index": tuple(each for each in EVERY if each != "OneHotCategorical"), "value": ("Bernoulli",)}
    theta, sample = feed("logits", bits=handed == "value"), handed_sample(handed)
    convention = Convention(
        "handed a sample", arguments, "logits", handed, handed, sites[handed], temperature=heat, passed=passed
    )
    given = attempt(target, convention, {"theta": theta, "sample": sample}, errors)
    for place, tensor in entries(given):
        same = tensor.shape == sample.shape and bool(((tensor - sample).abs() < 1e-4).all())
        untouched = tensor is sample or (passed != "tensors" and not tensor.requires_grad)
        if not same or untouched:
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
    subject = fresh(target)
    with forked(generator, subject):
        try:
            return answer(subject, convention, {"temperature": heat, "generator": generator, **filled})
        except Exception as error:
            said = str(error).partition(_INVITATION)[0].rstrip()
            errors.append(f"a call raised {type(error).__name__}: {said}"[:200])
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
