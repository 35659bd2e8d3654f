"""The mutation score: which places are changed, and that a change is noticed or not. ``nox -s mutation`` runs this first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("cosmic_ray", reason="the extra `mutation` is not installed")

from .score import ROOT, Mutant, describe_change, list_mutants, list_tests, render

SOURCE = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Sum:
    left: int | None = 1

    def total(self, right: int | None) -> int | None:
        return self.left + right
"""
BINOMIAL = "verification/statistics/binomial.py"


def test_annotations_and_decorators_are_left_alone() -> None:
    mutants = list(list_mutants("sum.py", SOURCE))
    assert {mutant.line for mutant in mutants} == {6, 9}
    assert not any("BitOr" in mutant.operator.partition("_")[2][:5] for mutant in mutants)
    assert any(mutant.operator.endswith("Add_Sub") for mutant in mutants)


def test_every_module_with_something_to_change_has_tests() -> None:
    for room in ("statistics", "checks"):
        for path in (ROOT / "verification" / room).glob("*.py"):
            module = path.relative_to(ROOT).as_posix()
            assert list_tests(module) or not list(list_mutants(module, path.read_text(encoding="utf-8"))), module


def test_a_change_is_noticed_and_no_change_is_not(tmp_path: Path) -> None:
    """In a process of its own, since forks of this one would have the module already."""
    code = f"""
        import sys
        from pathlib import Path

        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from score import make_copy, try_source

        copy, module = make_copy(Path({str(tmp_path)!r})), {BINOMIAL!r}
        before = (copy / module).read_text()
        print(try_source(None, module, copy), try_source(before.replace("0.95", "0.5"), module, copy))
        assert (copy / module).read_text() == before
    """
    result = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False)
    assert (result.stdout.split(), result.returncode) == (["survived", "killed"], 0), result.stderr


def test_a_page_counts_outcomes_and_shows_survivors() -> None:
    mutant = next(each for each in list_mutants(BINOMIAL, (ROOT / BINOMIAL).read_text(encoding="utf-8")))
    rows = [{**vars(mutant), "outcome": outcome, "change": describe_change(mutant)} for outcome in ("killed", "survived")]
    page = render(rows, 9)
    assert "9 mutants exist, 2 were tried, drawn at random. 1 were noticed by a test." in page
    assert isinstance(mutant, Mutant)
    assert describe_change(mutant) in page
