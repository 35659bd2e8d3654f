"""The test of a bias against that of another record, where both samples were stopped by what they showed."""

from __future__ import annotations

import math
from typing import Any

from ..record.record import Check
from ..statistics.bias_plan import MIN_ROWS
from .differences import CONFIDENCE_TAIL, ROUNDING, Difference

__all__ = ["bias_difference"]


def bias_difference(base: Check, head: Check, *, margin: float, single: bool = False) -> Difference | None:
    r"""Whether the bias of any coordinate has changed by more than ``margin`` times the gradient's scale.

    Both means were stopped when their verdicts were clear, so a z-test between them does not hold its level. What does is
    the product of both means' mixture martingales, at the common mean that favours it most:

    .. math:: 2 \ln E = \frac{d^2}{\sigma_b^2 (n_b + m) / n_b^2 + \sigma_h^2 (n_h + m) / n_h^2}
              - \ln\frac{n_b + m}{m} - \ln\frac{n_h + m}{m}, \qquad p = 1 / E

    with m = 1000 and d the difference beyond the margin. Coordinates share the level equally. A mean of rows that were all
    alike is believed where the run called them deterministic; beside rows that vary it is given their spread, as an event
    that it merely missed would have: without a change both have the same law.

    Args:
        base: A bias check.
        head: Another one, of the same problem.
        margin: Change that is allowed, over the gradient's scale.
        single: The rows are in single precision.

    Returns:
        The difference in the coordinate that differs most clearly; None where no coordinate's mean can be believed.
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
    """The last look of every coordinate whose mean can be believed."""
    if not check.details.get("looks"):
        return {}
    several = check.details.get("channels") or ()
    believed = [each for each in several if each.get("kind") == "coordinate" and (each.get("open") or _settled(each))]
    return {each["name"]: each for each in believed if math.isfinite(each["estimate"]) and math.isfinite(each["sigma"])}


def _settled(entry: dict[str, Any]) -> bool:
    """Whether rows were alike for long enough to be called deterministic: only then has their mean a finite interval."""
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
    """Standard deviation of one row; the other side's where these were alike, unless so few that they were declared alike."""
    return float(mine["sigma"] or (other["sigma"] if rows >= MIN_ROWS else 0.0))


def _exact_bias(base: Check, head: Check, margin: float) -> Difference | None:
    if base.relative is None or head.relative is None or base.estimate is None or head.estimate is None:
        return None
    change = head.relative - base.relative
    return Difference(
        base=base.estimate,
        head=head.estimate,
        effect=change,
        interval=(change, change),
        p_value=0.0 if abs(change) > max(margin, 1e3 * ROUNDING) else 1.0,
        worse=abs(head.relative) > abs(base.relative),
        method="exact",
        error=0.0,
    )
