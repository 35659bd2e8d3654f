"""A quantity that differs between two records, and the direction of the change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Change", "Direction", "Method", "Quantity"]

Direction = Literal["worse", "different", "lost", "gone", "new", "better", "changed"]
"""``lost``: known before and not known now; ``different``: not the same where sameness was asked for; ``changed``: neither
better nor worse."""

Quantity = Literal["verdict", "bias", "variance", "exponent", "evaluations", "seconds", "cell", "family"]

Method = Literal["", "paired", "unpaired", "anytime", "sign test", "exact"]
"""``anytime``: valid at the row at which sampling stopped; empty where nothing was tested."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """The change of one quantity.

    Attributes:
        estimator: Name of the estimator.
        problem: Key of the problem; of the family for an exponent; empty for a change over all problems.
        quantity: The quantity that changed. ``seconds`` are those of one row.
        direction: The direction of the change: better, worse or neither.
        base: The value before: a verdict's word, a bias in units of the gradient, a variance, an exponent, ...
        head: The value after.
        effect: The relative change of a variance, of evaluations or of seconds; the change of a bias over the gradient's
            scale; the difference of exponents.
        interval: The 95 % interval of ``effect``, not widened for the number of comparisons.
        p_value: The two-sided p-value of a change within the margin; None if nothing random is compared.
        method: ``paired``, ``unpaired``, ``anytime`` (valid at the row at which sampling stopped), ``sign test`` or ``exact``.
        rows: The numbers of rows of the base and of the head; None if there are none.
        advisory: True if the change does not count towards the exit status.
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
