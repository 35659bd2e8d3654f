"""The pictures of a record, each under the family that it belongs to."""

from __future__ import annotations

from ..record import Record
from .bias_figure import bias_pictures
from .canvas import Picture
from .cost_figure import cost_picture
from .variance_figure import variance_pictures

__all__ = ["pictures"]


def pictures(record: Record) -> list[tuple[str, Picture]]:
    """Every picture of a record: bias against tolerance, variance against size, cost on one problem.

    Args:
        record: What to show.

    Returns:
        Pairs of a family of problems and a picture, in the order in which a report shows them.
    """
    taken: set[str] = set()
    cost = cost_picture(record, taken)
    return [*bias_pictures(record, taken), *variance_pictures(record, taken), *([cost] if cost else [])]
