"""The field's toys: variances on bits that share one logit, published, exact and measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from ....estimators.antithetic import ARM, DisARM
from ....estimators.enumeration import enumerate_paths
from ....estimators.protocol import Estimator
from ....estimators.rao_blackwell import SumAndSample
from ....estimators.runs.exact import enumerate_branches, exact_moments
from ....estimators.score_function import LeaveOneOut, ScoreFunction
from ....estimators.without_replacement import UnorderedSet
from ...problems.toys import THREE_BITS, bits_near
from ...record.study import Statement, Table
from .published_numbers import FALSE_FAIL_RATE, Comparison, sampled_moments

__all__ = [
    "one_bit_comparisons",
    "three_bit_comparisons",
    "three_bit_facts",
    "toy_statements",
    "toy_table",
]

PUBLISHED_DRAWS = 10_000
"""The number of rows behind each published variance of the three bits."""

PUBLISHED_GRADIENT, PUBLISHED_LOSS = -0.0450, 0.6705

_THREE = bits_near(THREE_BITS)


@dataclass(frozen=True)
class _Row:
    """An estimator and its published variances at logits 0 and -4."""

    name: str
    estimator: Estimator
    at_zero: float | None = None
    at_minus_four: float | None = None


THREE_BIT_ESTIMATORS = (
    _Row("score function", ScoreFunction()),
    _Row("leave-one-out of 2", LeaveOneOut(2)),
    _Row("leave-one-out of 3", LeaveOneOut(3)),
    _Row("score + baseline", SumAndSample(0, "separate"), 1.275e-2, 7.70e-4),
    _Row("score + baseline, top 1 summed", SumAndSample(1, "separate"), None, 3.285e-5),
    _Row("score + baseline, top 4 summed", SumAndSample(4, "separate"), None, 2.69e-6),
    _Row("unordered 2", UnorderedSet(2)),
    _Row("unordered 3", UnorderedSet(3)),
    _Row("unordered 4", UnorderedSet(4)),
    _Row("unordered 2, plain", UnorderedSet(2, baseline=False)),
)

ONE_BIT_POINTS = ((0.49, 0.1), (0.49, 0.5), (0.499, 0.5))


def three_bit_comparisons(samples: int, seed: int) -> Iterator[Comparison]:
    """Yield the comparisons of every estimator on the three bits at logits 0 and -4; sizes are the logits.

    If the top outcomes are equally probable, a variance depends on their order. Nothing published is compared with ours there
    (all k >= 1 at logit 0).

    Args:
        samples: The number of rows per number.
        seed: The seed.
    """
    for logit in (0.0, -4.0):
        params = torch.tensor(logit, dtype=torch.float64)
        for row in THREE_BIT_ESTIMATORS:
            exact = float(exact_moments(row.estimator, _THREE, params)[1])
            moments = sampled_moments(row.estimator, _THREE, params, name=f"three bits {logit:g}", samples=samples, seed=seed)
            published = row.at_zero if logit == 0 else row.at_minus_four
            yield Comparison(name=row.name, size=logit, exact=exact, moments=moments, published=published)


def one_bit_comparisons(samples: int, seed: int) -> Iterator[Comparison]:
    """Yield the comparisons on E[(b - p0)^2] at points of the published curves; sizes are p."""
    for target, p in ONE_BIT_POINTS:
        program, params = bits_near((target,)), torch.tensor(p, dtype=torch.float64).logit()
        finite: dict[str, Estimator] = {"score": ScoreFunction(), "leave-one-out of 2": LeaveOneOut(2), "DisARM": DisARM()}
        exact = {name: float(exact_moments(each, program, params)[1]) for name, each in finite.items()}
        exact["ARM"] = _arm_variance(target, p)
        for name, estimator in {**finite, "ARM": ARM()}.items():
            moments = sampled_moments(estimator, program, params, name=f"bit {target:g} {p:g}", samples=samples, seed=seed)
            yield Comparison(name=f"{name}, p0 {target:g}", size=p, exact=exact[name], moments=moments)


def toy_table(title: str, point: str, compared: tuple[Comparison, ...], caption: str) -> Table:
    """Return the table of the variances.

    Args:
        title: The title.
        point: The quantity that ``size`` holds.
        compared: The numbers.
        caption: The caption.
    """
    return Table(
        title=title,
        columns=(point, "estimator", "published", "exact", "measured", "95 % low", "95 % high", "tail seen"),
        rows=tuple(
            (
                each.size,
                each.name,
                each.published,
                each.exact,
                float(each.moments.variance[0]),
                *each.limits(),
                "yes" if each.believable else "no",
            )
            for each in compared
        ),
        caption=caption,
    )


def three_bit_facts() -> tuple[Statement, ...]:
    """State whether the toy's published gradient at logit 0 and its least loss are ours."""
    zero = torch.tensor(0.0, dtype=torch.float64)
    gradient = float(enumerate_paths(_THREE, zero).gradient())
    loss = float(enumerate_paths(_THREE, torch.tensor(60.0, dtype=torch.float64)).mean())
    return (
        _same_digits("The gradient of the three bits at logit 0 is the published one.", gradient, PUBLISHED_GRADIENT),
        _same_digits("The loss of the three bits, if all of them are one, is the published optimum.", loss, PUBLISHED_LOSS),
    )


def toy_statements(three: tuple[Comparison, ...], one: tuple[Comparison, ...]) -> tuple[Statement, ...]:
    """State whether published variances are ours within sampling error, and DisARM's vanishes at a fair bit."""
    estimators = {row.name: row.estimator for row in THREE_BIT_ESTIMATORS}
    published = tuple(each for each in three if each.published is not None)
    distances = {f"{each.name} at {each.size:g}": _distance(each, estimators[each.name]) for each in published}
    bound = float(torch.special.ndtri(torch.tensor(1 - FALSE_FAIL_RATE / 2 / len(published), dtype=torch.float64)))
    name, farthest = max(distances.items(), key=lambda item: abs(item[1]))
    fair = max(each.exact for each in one if each.name.startswith("DisARM") and each.size == 0.5)
    return (
        Statement(
            claim="The published variances of the three bits agree with the exact ones within their own sampling error.",
            outcome="holds" if abs(farthest) < bound else "fails",
            measured=f"the farthest of {len(distances)} is {name}: {farthest:+.2f} standard errors (bound {bound:.2f})",
            note=f"The standard error of a variance from {PUBLISHED_DRAWS} draws follows from the exact fourth moment. The "
            f"false-fail rate of all of them together is {FALSE_FAIL_RATE:g}.",
        ),
        Statement(
            claim="On one fair bit, the rows of DisARM are constant.",
            outcome="holds" if fair < 1e-24 else "fails",
            measured=f"exact variance {fair:.3g}",
            note="The two runs always differ there, and in opposite directions.",
        ),
    )


def _distance(each: Comparison, estimator: Estimator) -> float:
    """Return the distance of a published variance from the exact one, in standard errors of so many draws."""
    assert each.published is not None
    branches = enumerate_branches(estimator, _THREE, torch.tensor(each.size, dtype=torch.float64))
    fourth = float((branches.weight * (branches.rows - branches.mean()) ** 4).sum())
    return (each.published - each.exact) / math.sqrt((fourth - each.exact**2) / PUBLISHED_DRAWS)


def _same_digits(claim: str, ours: float, published: float) -> Statement:
    """State whether a number rounds to the four published digits."""
    return Statement(
        claim=claim,
        outcome="holds" if abs(ours - published) <= 5.0001e-5 else "fails",
        measured=f"{ours:.6g}, published {published:.4f}",
    )


def _arm_variance(target: float, p: float) -> float:
    """Return ARM's variance on one bit, in closed form because its uniforms cannot be enumerated.

    It is ``(f(1) - f(0))^2 (1 - |1 - 2p|^3) / 12`` minus the squared gradient.
    """
    gap = (1 - target) ** 2 - target**2
    return gap**2 * (1 - abs(1 - 2 * p) ** 3) / 12 - (gap * p * (1 - p)) ** 2
