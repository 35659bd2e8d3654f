"""The examples run as their own words say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from gradverify.verification.cli import main
from gradverify.verification.problems import find_problems
from gradverify.verification.record.record import Record
from gradverify.verification.truth.references import find_reference

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


def commands(name: str) -> list[list[str]]:
    """The commands in an example's own description."""
    lines = re.findall(r"^    (gradverify .+)$", (EXAMPLES / name).read_text(encoding="utf-8"), re.MULTILINE)
    return [shlex.split(each)[1:] for each in lines]


def outcomes(command: list[str], folder: Path) -> dict[str, str]:
    done = CliRunner().invoke(main, [*command, "--workers", "0", "--out", str(folder)])
    assert done.exit_code == 0, done.output
    bias = {each.estimator: each.find("bias") for each in Record.read(folder / "report.json").cells}
    return {name: check.outcome for name, check in bias.items() if check is not None}


def test_the_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts err with probability 1e-3 a command at most, on fixed seeds."""
    monkeypatch.chdir(ROOT)
    first, second = commands("walk.py")
    found = outcomes(first, tmp_path / "first")
    assert found == {"leave_one_out": "unbiased", "stochastic_triple": "unbiased", "straight_through": "biased"}
    assert outcomes(second, tmp_path / "second") == {"leave_one_out": "unbiased"}


def test_the_walks_gradient_is_the_registered_walks() -> None:
    (mine,) = find_problems([f"{EXAMPLES}/walk.py:walk"], quick=True)
    (ours,) = find_problems(["random_walk:10/square/p"], quick=True)
    assert mine.exact is not None
    assert float(mine.exact) == pytest.approx(float(find_reference(ours, 0, 0.1).gradient[0]), abs=1e-8)


def test_the_epidemic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No gradient is known: the likelihood ratio decides, and agrees with finite differences."""
    monkeypatch.chdir(ROOT)
    (command,) = commands("epidemic.py")
    assert outcomes(command, tmp_path) == {"leave_one_out": "unbiased", "straight_through": "biased"}
    references = Record.read(tmp_path / "report.json").cells[0].find("references")
    assert references is not None
    assert (references.reference, references.outcome) == ("likelihood ratio", "agree")


def test_a_target_with_its_parameters_is_the_option() -> None:
    (one,) = find_problems([f"{EXAMPLES}/walk.py:walk@20"], quick=True)
    assert (one.name, one.exact, float(one.params)) == ("walk:20.0", None, 20.0)


def test_the_epidemics_contacts_are_mutual() -> None:
    (problem,) = find_problems([f"{EXAMPLES}/epidemic.py:epidemic"], quick=True)
    met = problem.program.__globals__["contacts"]()  # type: ignore[attr-defined]
    assert bool((met == met.T).all())
    assert met.diagonal().sum() == 0
    assert met.sum() == 2 * (12 + 2)
    assert torch.equal(met.sum(0)[[0, 3, 6, 9]], torch.full((4,), 3.0, dtype=torch.float64))


def test_the_readme_names_every_example() -> None:
    said = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    missing = [
        each.name for each in EXAMPLES.iterdir() if each.suffix in (".py", ".md") and each.name not in (said, "README.md")
    ]
    assert [name for name in missing if f"({name})" not in said] == []
    shown = re.findall(r"^    gradverify (.+)$", said, re.MULTILINE)
    held = [" ".join(each) for name in ("walk.py", "epidemic.py") for each in commands(name)]
    assert [each for each in held if each not in shown] == []
