"""The record as JUnit XML: one test case per cell and check, so that a CI service lists verdicts like tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any
from xml.etree import ElementTree

from ..record.record import Record
from ..verdicts import Outcome
from .cell_words import answer
from .gradient_words import bias_facts
from .overview import REPEATED, Finding, Kind, answers
from .quantities import number, span

__all__ = ["to_junit"]

_SKIPPED: tuple[Outcome, ...] = ("not-applicable", "not-tested", "inconclusive")
_RESULTS: Mapping[Kind, str] = {
    "refuted": "failure",
    "failed": "failure",
    "not run": "error",
    "inconclusive": "skipped",
    REPEATED: "skipped",
}
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(record: Record) -> str:
    """Return the report as JUnit XML.

    A refuted claim or a failed check is a ``failure``, a crash or a time-out is an ``error``, and a check that is undecided
    or does not apply is ``skipped``; everything else passes. Figures stand in ``properties``.

    Args:
        record: The record to show.

    Returns:
        An XML document ending in a newline, one suite per estimator in the record's order.
    """
    root = ElementTree.Element("testsuites", name="gradverify")
    order: dict[str, list[Finding]] = {}
    for each in answers(record):
        order.setdefault(each.cell.estimator, []).append(each)
    for estimator, several in order.items():
        root.append(_suite(record, estimator, several))
    _count(root, (case for suite in root for case in suite))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(record: Record, estimator: str, several: Iterable[Finding]) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=_clean(estimator))
    for _, same in groupby(several, key=lambda each: (each.cell.problem, each.check.check)):
        for position, finding in enumerate(same):
            suite.append(_case(record, finding, position))
    _count(suite, suite)
    return suite


def _case(record: Record, finding: Finding, position: int) -> ElementTree.Element:
    cell, check = finding.cell, finding.check
    suffix = f" {position + 1}" if position else ""
    case = ElementTree.Element(
        "testcase",
        classname=_clean(cell.estimator),
        name=_clean(f"{cell.problem} {check.check}{suffix}"),
        time=f"{check.timing.get('seconds', 0.0):.6f}",
    )
    properties = ElementTree.SubElement(case, "properties")
    for name, value in _figures(record, finding).items():
        ElementTree.SubElement(properties, "property", name=name, value=_clean(value))
    result = _result(finding)
    if result:
        element = ElementTree.SubElement(case, result, message=_clean(_message(finding)))
        if result != "skipped":
            element.set("type", check.claim if check.claim == "refuted" else check.outcome)
            element.text = _clean("\n".join(filter(None, (_message(finding), cell.replay))))
    return case


def _result(finding: Finding) -> str:
    return _RESULTS.get(finding.kind, "skipped" if finding.check.outcome in _SKIPPED else "")


def _message(finding: Finding) -> str:
    check = finding.check
    said = answer(check) if check.outcome == "biased" else check.outcome
    words = [f"{said}, claim {check.claim}" if check.claim != "none" else said]
    words += [str(check.details["reason"])] if check.details.get("reason") else []
    if check.check == "bias":
        words += bias_facts(check)
    else:
        words += [f"estimate {number(check.estimate)} in {span(check.interval)}"] if check.interval is not None else []
    return "; ".join(words + ([check.note] if check.note else []))


def _figures(record: Record, finding: Finding) -> dict[str, str]:
    check = finding.check
    shown = {
        "outcome": check.outcome,
        "claim": check.claim,
        "estimate": number(check.estimate, digits=9) if check.estimate is not None else "",
        "interval": span(check.interval) if check.interval is not None else "",
        "kind": check.kind,
        "relative_error": _figure(check.relative_error),
        "scale": _figure(check.scale),
        "angle": _figure(check.angle),
        "detectable": number(check.detectable) if check.detectable is not None else "",
        "num_samples": str(check.num_samples) if check.num_samples else "",
        "reference": check.reference,
        "seed": str(record.run.seed),
        "replay": finding.cell.replay,
    }
    return {name: value for name, value in shown.items() if value}


def _figure(figure: Mapping[str, Any] | None) -> str:
    return "" if figure is None else f"{number(figure['estimate'], digits=9)} in {span(figure['interval'])}"


def _count(element: ElementTree.Element, cases: Iterable[ElementTree.Element]) -> None:
    several = list(cases)
    element.set("tests", str(len(several)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in several)))
    element.set("time", f"{sum(float(case.get('time', '0')) for case in several):.3f}")


def _clean(text: object) -> str:
    """Replace the characters that XML 1.0 forbids."""
    return _FORBIDDEN.sub("\ufffd", str(text))
