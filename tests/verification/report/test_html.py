"""HTML: loads nothing, needs no script, and can be read by ear and by keyboard."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from gradverify.verification.record.record import Record

VOID = {"meta", "link", "br", "wbr", "img", "hr", "input"}


class _Page(HTMLParser):
    """Elements with their attributes and ancestors, and whatever is left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes, _ in self.elements if name == tag]


@pytest.fixture(scope="module")
def text(written: Path) -> str:
    return (written / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> _Page:
    return _Page(text)


def test_is_well_formed(page: _Page) -> None:
    assert page.open == []
    assert page.wrong == []


def test_loads_nothing(page: _Page, text: str) -> None:
    for _, attributes, _ in page.elements:
        for name in ("src", "href", "data", "srcset", "poster", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), value
    outside = re.sub(r"http://example\.invalid/x", "", text)
    assert "http://" not in outside
    assert "https://" not in outside
    assert "@import" not in text
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))


def test_needs_no_script(page: _Page, text: str) -> None:
    assert page.all("script") == []
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert not any(name.startswith("on") for _, attributes, _ in page.elements for name in attributes)


def test_ids_are_distinct_and_fragments_lead_somewhere(page: _Page) -> None:
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [attributes["href"] for _, attributes, _ in page.elements if (attributes.get("href") or "").startswith("#")]
    assert {str(target)[1:] for target in targets} <= set(ids)


def test_landmarks_headings_and_labels(page: _Page) -> None:
    for landmark in ("header", "nav", "main", "footer", "h1"):
        assert len(page.all(landmark)) == 1, landmark
    ids = {attributes.get("id") for _, attributes, _ in page.elements}
    for section in page.all("section"):
        assert section.get("aria-labelledby") in ids
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_have_captions_and_scopes(page: _Page) -> None:
    assert len(page.all("caption")) == len(page.all("table")) > 0
    for head in page.all("th"):
        assert head.get("scope") in ("col", "row", "colgroup")


def test_wide_content_scrolls_inside_a_labelled_region(page: _Page) -> None:
    regions = [each for each in page.all("div") if each.get("role") == "region"]
    assert regions
    assert all(each.get("tabindex") == "0" and each.get("aria-label") for each in regions)


def test_every_picture_has_words_and_a_table(page: _Page, written: Path) -> None:
    pictures = [each for each in page.all("div") if each.get("role") == "img"]
    assert len(pictures) == len(list(written.glob("*.svg"))) == len(page.all("svg"))
    assert all(each.get("aria-label") for each in pictures)
    in_details = [path for tag, _, path in page.elements if tag == "table" and "details" in path]
    assert len(in_details) >= len(pictures)


def test_verdict_words_stand_in_the_table(text: str) -> None:
    table = text[text.index('class="verdicts"') :]
    table = table[: table.index("</table>")]
    for word in ("unbiased", "biased, claim refuted", "inconclusive", "no-gradient", "not-applicable", "crashed", "timeout"):
        assert word in table


def test_failures_stand_before_the_verdicts_and_those_before_the_families(text: str) -> None:
    places = [text.index(f'id="{name}"') for name in ("summary", "attention-refuted", "verdicts", "family-random-5fwalk")]
    assert places == sorted(places)


def test_colours_have_contrast_in_both_schemes() -> None:
    """WCAG 2.1: 4.5 for text, 3 for marks, on every ground that they stand on."""
    css = Path(__file__).parents[3].joinpath("verification", "report", "report.css").read_text()
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w{6})", part)) for part in css.split("@media (prefers-color-scheme: dark)"))
    for scheme in (light, dark):
        for name in ("ink", "muted", "link", "good", "bad", "off", "open"):
            grounds = ["paper", "panel"] + ([f"{name}-paper"] if f"{name}-paper" in scheme else [])
            for ground in grounds:
                assert _contrast(scheme[name], scheme[ground]) >= 4.5, (name, ground)
        for index in range(8):
            assert _contrast(scheme[f"series-{index}"], scheme["paper"]) >= 3, index
            assert _contrast(scheme[f"series-{index}"], scheme["band"]) >= 3 or index > 1, index


def _contrast(first: str, second: str) -> float:
    bright, dim = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_record_is_named(text: str, record: Record) -> None:
    assert record.run.command.replace('"', "&#34;") in text
