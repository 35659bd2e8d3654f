"""What is wrong with a gradient, in words: the headline is about the gradient, and never a channel's number."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from gradverify.verification import assert_unbiased, verify
from gradverify.verification.record.record import Check
from gradverify.verification.report import render, to_junit, to_markdown
from gradverify.verification.report.figures import Pictures
from gradverify.verification.report.gradient_words import bias_facts, bias_headline
from gradverify.verification.report.html import to_html

from ..targets import wrong

ERROR = {"estimate": 0.25, "interval": (0.2, 0.3)}


def a_bias(kind: str, scale: float | None, angle: float | None, **details: Any) -> Check:
    figures = {
        "scale": None if scale is None else {"estimate": scale, "interval": (scale - 0.05, scale + 0.05)},
        "angle": None if angle is None else {"estimate": angle, "interval": (0.9 * angle, 1.1 * angle)},
    }
    return Check(check="bias", outcome="biased", estimate=-9.65, details={"kind": kind, **figures, **details})


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (a_bias("rescaled", 0.75, 0.5), "rescaled by 0.75, direction right"),
        (a_bias("rescaled", 0.75, None), "rescaled by 0.75"),
        (a_bias("reversed", -1.02, 179.5), "reversed"),
        (a_bias("reversed", -0.5, 179.5), "reversed, 0.5 times as long"),
        (a_bias("zero", 0.0, 90.0), "zero gradient"),
        (a_bias("turned", 0.8, 31.2), "turned by 31 degrees"),
        (a_bias("undetermined", 0.8, 3.0, relative_error=ERROR), "off by 25 % of the gradient"),
        (a_bias("undetermined", None, None), ""),
        (a_bias("", None, None, channel="projection 2"), ""),
    ],
)
def test_headlines(check: Check, words: str) -> None:
    assert bias_headline(check) == words


def test_facts_have_intervals_and_a_channel_is_called_one() -> None:
    assert bias_facts(a_bias("turned", 0.8, 30.0, relative_error=ERROR)) == [
        "relative error 25 % (20 % to 30 %)",
        "scale 0.8 in [0.75, 0.85]",
        "angle 30 in [27, 33] degrees",
    ]
    assert bias_facts(a_bias("", None, None, channel="projection 2")) == ["bias -9.65 (projection 2)"]


def test_every_page_leads_with_the_gradient() -> None:
    """Three quarters of the gradient: the same words on the terminal, in Markdown, on the page, in JUnit and in pytest."""
    record = verify({"mine": wrong.Scaled(0.75)}, "bits:3/cubic", expect="unbiased")
    words = "rescaled by 0.7"
    junit = ElementTree.fromstring(to_junit(record)).find(".//testcase[@name='bits:3/cubic/logits bias']/failure")
    assert junit is not None
    for text in (render(record, 200), to_markdown(record), to_html(record, Pictures(families=())), junit.get("message", "")):
        assert words in text
        assert "direction right" in text
    with pytest.raises(AssertionError, match=r"biased: rescaled by 0\.7.*, direction right"):
        assert_unbiased(wrong.Scaled(0.75), "bits:3/cubic", tolerance=0.1, profile="quick", false_fail_rate=1e-4)
