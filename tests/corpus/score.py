"""Score gradverify on the corpus: run every entry, and say which verdicts are right, confidently wrong, undecided or missing.

An entry is a file in `tests/corpus/entries/` with a gradient rule, its problem and its known truth; CONTRIBUTING.md says how to
add one. ``nox -s corpus`` runs this file.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import sys
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch
from scipy import stats

from gradverify.estimators.adapters.convention import TargetError
from gradverify.verification import Problem, verify
from gradverify.verification.record import Check

HERE = Path(__file__).parent
ENTRIES = HERE / "entries"

Class = Literal["right", "confident wrong", "undecided", "not accepted"]
CLASSES: tuple[Class, ...] = ("right", "confident wrong", "undecided", "not accepted")

OUTCOMES = ("unbiased", "biased", "no-gradient", "refused")
KINDS = ("", "rescaled", "reversed", "zero", "turned")

ROUNDING = 1e-3
"""The relative error of a stated size, and of an interval without width."""

STRETCH = 1.4
"""The factor by which an interval is widened before a size beyond it makes a verdict wrong. Of the intervals themselves one in
twenty may exclude a size; of intervals 1.4 times as wide, one in 165 for a normal law."""

MISSED = 0.05
"""The share of intervals that may exclude the known size."""

RARE = 1e-3
"""The probability of a number of excluding intervals below which the session fails."""

DEGREES = 0.1
"""The error of a stated angle in degrees; without noise, rounding alone makes angles of 1e-6."""


@dataclass(frozen=True)
class Expected:
    """The truth of an entry.

    Attributes:
        outcome: The outcome of the bias check, or ``refused`` if the target cannot be judged as it stands.
        kind: The kind of the bias; empty for no bias.
        scale: The part of the mean along the gradient, over the gradient; None if it is not known.
        angle: The angle in degrees between both; None for 0, or 180 if the scale is negative.
        words: The words that a refusal must hold.
    """

    outcome: str
    kind: str = ""
    scale: float | None = None
    angle: float | None = None
    words: str = ""

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES or self.kind not in KINDS:
            raise ValueError(f"outcome {self.outcome!r} of kind {self.kind!r}; expected one of {OUTCOMES} and of {KINDS}")
        if (self.outcome == "biased") != bool(self.kind) or (self.kind and self.scale is None):
            raise ValueError(f"{self}; a bias, and nothing else, has a kind and a scale")
        if (self.kind == "turned") and self.angle is None:
            raise ValueError(f"{self}; a turned gradient has an angle")
        if (self.outcome == "refused") != bool(self.words):
            raise ValueError(f"{self}; a refusal, and nothing else, has words")

    def sizes(self) -> dict[str, float]:
        """Return the known sizes by the names of a check's figures."""
        if self.outcome == "unbiased":
            scale = 1.0 if self.scale is None else self.scale
            return {"relative_error": abs(1 - scale), "scale": scale, "angle": 0.0}
        if self.scale is None:
            return {}
        if self.kind == "zero":
            return {"relative_error": 1.0, "scale": 0.0}
        angle = self.angle if self.angle is not None else 0.0 if self.scale > 0 else 180.0
        across = self.scale * math.tan(math.radians(angle))
        return {"relative_error": math.hypot(1 - self.scale, across), "scale": self.scale, "angle": angle}


@dataclass(frozen=True)
class Entry:
    """A gradient rule with its known truth.

    Attributes:
        name: The path of its file in the folder of entries, without the suffix.
        rule: The rule and its source: the first line of the file.
        target: The rule.
        problem: The problem.
        options: The options of `verify`.
        expected: The truth.
    """

    name: str
    rule: str
    target: Any
    problem: str | Problem
    options: Mapping[str, Any]
    expected: Expected


@dataclass(frozen=True)
class Finding:
    """The verdict on an entry.

    Attributes:
        outcome: The outcome of the bias check, ``refused``, or how the cell ended before there was one.
        kind: The kind of the bias.
        figures: Estimate and interval of the relative error, the scale and the angle, as far as they are known.
        words: The message of a refusal, or the note of the check.
    """

    outcome: str
    kind: str = ""
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    words: str = ""


def load_module(path: Path) -> ModuleType:
    """Return a file as a module, registered under a name of its own."""
    name = "corpus_" + path.relative_to(HERE).with_suffix("").as_posix().replace("/", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_entry(path: Path) -> Entry:
    """Return the entry of a file; ``programs:name`` names a problem of `tests/corpus/programs.py`."""
    module = load_module(path)
    problem = module.PROBLEM
    if problem.startswith("programs:"):
        problem = getattr(load_module(HERE / "programs.py"), problem.partition(":")[2])
    return Entry(
        name=path.relative_to(ENTRIES).with_suffix("").as_posix(),
        rule=(module.__doc__ or "").split("\n", 1)[0],
        target=module.target,
        problem=problem,
        options=getattr(module, "OPTIONS", {}),
        expected=Expected(**module.EXPECTED),
    )


def list_paths() -> list[Path]:
    """Return the files of all entries in order."""
    return sorted(ENTRIES.rglob("*.py"))


def find_verdict(entry: Entry) -> Finding:
    """Return the verdict on an entry: the quick profile, seed 0, in this process."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            record = verify({entry.name: entry.target}, entry.problem, seed=0, workers=0, **entry.options)
    except (TargetError, ValueError) as error:
        return Finding("refused", words=str(error))
    cell = next((each for each in record.cells if each.estimator.startswith(entry.name)), None)
    check = None if cell is None else cell.find("bias")
    if check is None:
        checks = [each for each in cell.checks if each.claim == "refuted" or each.outcome == "failed"] if cell else []
        return Finding(str(cell.word) if cell else "refused", words="; ".join(each.note for each in checks))
    return Finding(check.outcome, check.kind, _list_figures(check), check.note)


def _list_figures(check: Check) -> dict[str, Mapping[str, Any]]:
    figures = {"relative_error": check.relative_error, "scale": check.scale, "angle": check.angle}
    return {name: figure for name, figure in figures.items() if figure is not None}


def classify(expected: Expected, found: Finding) -> Class:
    """Return the class of a verdict, given the truth."""
    if found.outcome == "refused" or expected.outcome == "refused":
        if found.outcome != expected.outcome:
            return "not accepted" if found.outcome == "refused" else "confident wrong"
        return "right" if expected.words in found.words else "undecided"
    if found.outcome == "inconclusive":
        return "undecided"
    if found.outcome not in OUTCOMES:
        return "not accepted"
    if found.outcome != expected.outcome or find_excluded(expected, found, stretch=STRETCH):
        return "confident wrong"
    if found.kind == "undetermined":
        return "undecided"
    return "right" if found.kind == expected.kind else "confident wrong"


def find_excluded(expected: Expected, found: Finding, stretch: float = 1.0) -> list[str]:
    """Return the names of the figures whose interval, stretched about its middle, excludes the known size."""
    excluded = []
    for name, size in expected.sizes().items():
        interval = (found.figures.get(name) or {}).get("interval")
        if interval is not None:
            low, high = map(float, interval)
            if math.isfinite(high - low):
                low, high = (0.5 * (low + high) + sign * 0.5 * stretch * (high - low) for sign in (-1, 1))
            slack = DEGREES if name == "angle" else ROUNDING * max(1.0, abs(size))
            if not low - slack <= size <= high + slack:
                excluded.append(name)
    return excluded


def score(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return one row for each entry, with its truth, its verdict and its class, and print each as it comes."""
    rows = []
    for entry in entries:
        started = time.perf_counter()
        found = find_verdict(entry)
        class_ = classify(entry.expected, found)
        shown = " ".join(filter(None, (found.outcome, found.kind, _write_figures(found))))
        print(f"{class_:15}  {entry.name:44}  {shown}  ({time.perf_counter() - started:.1f} s)", flush=True)
        rows.append(_make_row(entry, found, class_))
    return rows


def _make_row(entry: Entry, found: Finding, class_: Class) -> dict[str, Any]:
    problem = entry.problem if isinstance(entry.problem, str) else f"programs:{entry.problem.name}"
    expected = {name: value for name, value in asdict(entry.expected).items() if value not in ("", None)}
    figures = {name: _write_plainly(figure) for name, figure in found.figures.items()}
    seen = {"outcome": found.outcome, "kind": found.kind, **figures, "words": found.words}
    row = {"entry": entry.name, "rule": entry.rule, "problem": problem, "options": dict(entry.options), "expected": expected}
    row |= {"found": {name: value for name, value in seen.items() if value != ""}, "class": class_}
    return row | ({"excluded": excluded} if (excluded := find_excluded(entry.expected, found)) else {})


def count_missed(rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Return how many intervals exclude a known size, and how many there are, in rows whose outcome is right."""
    judged = [row for row in rows if row["found"]["outcome"] == row["expected"]["outcome"]]
    intervals = sum(
        bool((row["found"].get(name) or {}).get("interval")) for row in judged for name in Expected(**row["expected"]).sizes()
    )
    return sum(len(row.get("excluded", ())) for row in judged), intervals


def _write_plainly(figure: Mapping[str, Any]) -> dict[str, Any]:
    """Return estimate and interval as plain data, where infinities are strings as in a record."""
    limits = [each if math.isfinite(each) else str(each) for each in map(float, figure.get("interval") or ())]
    return {"estimate": figure.get("estimate"), "interval": limits}


def _write_figures(found: Finding) -> str:
    texts = (f"{name} {figure['estimate']:.4g}" for name, figure in found.figures.items() if figure.get("estimate") is not None)
    return ", ".join(texts)


def render(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a page in Markdown: the score, all entries that are not right, then all entries."""
    counts = Counter(row["class"] for row in rows)
    wrong = sum(row["expected"]["outcome"] != "unbiased" for row in rows)
    lines = ["# The verdict corpus", "", f"{len(rows)} entries, {wrong} of them wrong rules or unusable ones.", ""]
    lines += [f"* {name}: {counts[name]}" for name in CLASSES]
    missed, intervals = count_missed(rows)
    lines += [f"* intervals that exclude the known size: {missed} of {intervals}, of which {MISSED:.0%} may"]
    for title, chosen in (("Not right", [row for row in rows if row["class"] != "right"]), ("All entries", rows)):
        lines += ["", f"## {title}", "", "| entry | expected | found | class |", "|---|---|---|---|"]
        lines += [
            f"| {row['entry']} | {_write_truth(row['expected'])} | {_write_found(row)} | {row['class']} |" for row in chosen
        ]
    return "\n".join(lines) + "\n"


def _write_truth(expected: Mapping[str, Any]) -> str:
    sizes = [f"{name} {expected[name]:.4g}" for name in ("scale", "angle") if name in expected]
    return ", ".join(filter(None, (expected["outcome"], expected.get("kind", ""), *sizes)))


def _write_found(row: Mapping[str, Any]) -> str:
    """Return a verdict in words: sizes of a bias, and every interval that excludes the known size."""
    found, excluded = row["found"], row.get("excluded", ())
    texts = [found["outcome"], found.get("kind", "")]
    for name in ("relative_error", "scale", "angle"):
        interval = (found.get(name) or {}).get("interval")
        if interval and (name in excluded or (found["outcome"] == "biased" and name != "relative_error")):
            texts.append(f"{name} {float(interval[0]):.4g} to {float(interval[1]):.4g}")
    return ", ".join(filter(None, texts))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the corpus, write the record, and return 1 if a verdict is confidently wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("reports/corpus"), help="folder for report.json and report.md")
    parser.add_argument("words", nargs="*", help="only entries whose name contains one of these words")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    entries = [load_entry(path) for path in list_paths()]
    rows = score([each for each in entries if not given.words or any(word in each.name for word in given.words)])
    counts = Counter(row["class"] for row in rows)
    given.out.mkdir(parents=True, exist_ok=True)
    report = {"score": {name: counts[name] for name in CLASSES}, "entries": rows}
    (given.out / "report.json").write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (given.out / "report.md").write_text(render(rows), encoding="utf-8")
    print(f"{len(rows)} entries: " + ", ".join(f"{counts[name]} {name}" for name in CLASSES))
    missed, intervals = count_missed(rows)
    print(f"{missed} of {intervals} intervals exclude the known size; {MISSED:.0%} may")
    return 1 if counts["confident wrong"] or stats.binom.sf(missed - 1, intervals, MISSED) < RARE else 0


if __name__ == "__main__":
    sys.exit(main())
