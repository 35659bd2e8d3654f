"""The pictures of a record, each under the family or the study that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from ..record.record import Record
from .bias_figure import bias_pictures
from .canvas import Picture
from .cost_figure import cost_picture
from .study_figure import study_pictures
from .variance_figure import variance_pictures

__all__ = ["Pictures", "pictures"]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """The pictures of a record, in the order in which a report shows them.

    Attributes:
        families: Pairs of a family of problems and a picture.
        studies: Pairs of a study's name and a picture.
    """

    families: tuple[tuple[str, Picture], ...]
    studies: tuple[tuple[str, Picture], ...] = ()

    def all(self) -> list[Picture]:
        """Return every picture."""
        return [picture for _, picture in (*self.studies, *self.families)]


def pictures(record: Record) -> Pictures:
    """Draw every picture of a record: the studies' charts, bias against tolerance, variance against size, cost on one problem.

    Args:
        record: The record to show.
    """
    taken: set[str] = set()
    studies = [(study.name, picture) for study in record.studies for picture in study_pictures(study, taken)]
    cost = cost_picture(record, taken)
    families = [*bias_pictures(record, taken), *variance_pictures(record, taken), *([cost] if cost else [])]
    return Pictures(families=tuple(families), studies=tuple(studies))
