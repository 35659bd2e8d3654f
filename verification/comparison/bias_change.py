"""The test of a bias against that of another record, where each sample decided when it was stopped."""

from __future__ import annotations

import math
from typing import Any

from ..record.record import Check
from ..statistics.bias_plan import MIN_ROWS
from .differences import CONFIDENCE_TAIL, ROUNDING, Difference

__all__ = ["bias_difference"]


def bias_difference(base: Check, head: Check, *, margin: float, single: bool = False) -> Difference | None:
    r"""Test if the bias of any coordinate has changed by more than ``margin`` times the gradient's scale.

    Sampling stopped when each verdict was clear, so a z-test between the means does not hold its level. The product of both
    means' mixture martingales, at the common mean that favours it most, does:

    .. math:: 2 \ln E = \frac{d^2}{\sigma_b^2 (n_b + m) / n_b^2 + \sigma_h^2 (n_h + m) / n_h^2}
              - \ln\frac{n_b + m}{m} - \ln\frac{n_h + m}{m}, \qquad p = 1 / E

    with m = 1000 and d the difference beyond the margin. Coordinates share the level equally. A mean of rows that were all
    equal is trusted if the run called them deterministic. Beside rows that vary, it is given their spread, because the equal
    rows may have missed an event: without a change both have the same law.

    Args:
        base: A bias check.
        head: Another one, of the same problem.
        margin: Change that is allowed, over the gradient's scale.
        single: True if the rows are in single precision.

    Returns:
        The difference in the coordinate that differs most clearly; None if no coordinate's mean can be trusted.
    """
    if base.details.get("reason") == head.details.get("reason") == "exact":
        return _exact_bias(base, head, margin)
    mine, other = _coordinates(base), _coordinates(head)
    shared = [name for name in mine if name in other]
    if not shared:
        return None
    n = (base.details["looks"][-1]["n"], head.details["looks"][-1]["n"])
    rounding = ROUNDING * (1e3 if single else 1.0)
    found = [_mean_difference(mine[name], other[name], n, max(margin, rounding)) for name in shared]
    first = min(found, key=lambda each: (each.p_value, -abs(each.effect)))
    return Difference(**{**vars(first), "p_value": min(1.0, first.p_value * len(shared))})


def _coordinates(check: Check) -> dict[str, dict[str, Any]]:
    """Return the last look of every coordinate whose mean can be trusted."""
    if not check.details.get("looks"):
        return {}
    several = check.details.get("channels") or ()
    trusted = [each for each in several if each.get("kind") == "coordinate" and (each.get("open") or _is_settled(each))]
    return {each["name"]: each for each in trusted if all(map(_is_finite, map(each.get, ("estimate", "sigma", "scale"))))}


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _is_settled(entry: dict[str, Any]) -> bool:
    """True if enough rows were equal to be called deterministic: only then is the interval of their mean finite."""
    return entry.get("sigma") == 0 and all(map(math.isfinite, entry.get("interval") or (math.inf,)))


def _mean_difference(base: dict[str, Any], head: dict[str, Any], n: tuple[int, int], margin: float) -> Difference:
    scale = max(base["scale"], head["scale"]) or 1.0
    change = (head["estimate"] - base["estimate"]) / scale
    spread = [
        (_sigma(one, two, rows) / scale) ** 2 * (rows + MIN_ROWS) / rows**2
        for one, two, rows in ((base, head, n[0]), (head, base, n[1]))
    ]
    error = math.sqrt(sum(spread))
    price = sum(math.log1p(rows / MIN_ROWS) for rows in n)
    excess = abs(change) - margin
    reach = math.sqrt(2 * math.log(1 / (2 * CONFIDENCE_TAIL)) + price) * error
    if excess <= 0 or error == 0:
        p_value = 0.0 if excess > 0 else 1.0
    else:
        p_value = min(1.0, math.exp((price - (excess / error) ** 2) / 2))
    return Difference(
        base=base["estimate"],
        head=head["estimate"],
        effect=change,
        interval=(change - reach, change + reach),
        p_value=p_value,
        worse=abs(head["estimate"]) > abs(base["estimate"]),
        method="anytime" if error > 0 else "exact",
        error=error,
    )


def _sigma(mine: dict[str, Any], other: dict[str, Any], rows: int) -> float:
    """Return the standard deviation of one row; the other side's if these rows are equal and not declared so."""
    return float(mine["sigma"] or (other["sigma"] if rows >= MIN_ROWS else 0.0))


def _exact_bias(base: Check, head: Check, margin: float) -> Difference | None:
    if base.relative_error is None or head.relative_error is None or base.estimate is None or head.estimate is None:
        return None
    change = float(head.relative_error["estimate"] - base.relative_error["estimate"])
    worse = change > 0
    if base.scale is not None and head.scale is not None:
        # The scale sees a change of sign that leaves the size as it was.
        change = max(change, float(head.scale["estimate"] - base.scale["estimate"]), key=abs)
    return Difference(
        base=base.estimate,
        head=head.estimate,
        effect=change,
        interval=(change, change),
        p_value=0.0 if abs(change) > max(margin, 1e3 * ROUNDING) else 1.0,
        worse=worse,
        method="exact",
        error=0.0,
    )
