"""The canvas: names of files, and pictures that stand inside a page."""

from __future__ import annotations

import re
from collections.abc import Callable

from gradverify.verification.record.record import Record
from gradverify.verification.report.canvas import for_page, slug
from gradverify.verification.report.figures import pictures


def test_names_of_files_are_safe_and_distinct() -> None:
    taken: set[str] = set()
    assert [slug(name, taken) for name in ("../a b/c", "a b:c", "A-B-C", "猫")] == ["a-b-c", "a-b-c-2", "A-B-C-3", "figure"]


def test_for_page_makes_ids_its_own(full_record: Callable[..., Record]) -> None:
    picture = pictures(full_record(2, 1)).all()[0]
    page = for_page(picture)
    assert all(each.startswith(f"{picture.name}-") for each in re.findall(r'\bid="([^"]*)"', page))
    assert "xmlns" not in page
    assert "var(--ink)" in page
