"""One thing that differs between two records, and in which direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Change", "Direction", "Method", "Quantity"]

Direction = Literal["worse", "different", "lost", "gone", "new", "better", "changed"]
"""``lost``: it was known and is so no longer; ``different``: what was said to be the same is not; ``changed``: neither better
nor worse."""

Quantity = Literal["verdict", "bias", "variance", "exponent", "evaluations", "seconds", "cell", "family"]

Method = Literal["", "paired", "unpaired", "anytime", "sign test", "exact"]
"""``anytime``: valid at the row at which sampling stopped; empty where nothing was tested."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a comparison found of one quantity.

    Attributes:
        estimator: Name of the estimator.
        problem: Key of the problem; of the family for an exponent; empty for what holds over all problems.
        quantity: What changed. ``seconds`` are those of one row.
        direction: Whether that is good or bad.
        base: The value before: a verdict's word, a bias in units of the gradient, a variance, an exponent, ...
        head: The value after.
        effect: Relative change of a variance, of evaluations or of seconds; of a bias the change over the gradient's scale;
            of an exponent the difference.
        interval: 95 % interval of ``effect``, not widened for the number of comparisons.
        p_value: Two-sided, of a change within the margin; None where nothing random is compared.
        method: ``paired``, ``unpaired``, ``anytime`` (valid at the row at which sampling stopped), ``sign test`` or ``exact``.
        rows: Rows of the base and of the head; None where there are none.
        advisory: It does not count towards the exit status.
        note: One sentence for a reader.
    """

    estimator: str
    problem: str
    quantity: Quantity
    direction: Direction
    base: str | float | None = None
    head: str | float | None = None
    effect: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    method: Method = ""
    rows: tuple[int, int] | None = None
    advisory: bool = False
    note: str = ""
