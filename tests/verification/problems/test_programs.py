"""Plain programs as problems: where their parameters and their gradient come from, and what is said where they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gradverify.estimators import TargetError
from gradverify.verification.problems import find_problems
from gradverify.verification.problems.programs import is_program, split_params, with_params
from gradverify.verification.record.record import Record
from gradverify.verification.truth.references import find_reference

from ..cli.test_verify import invoke, refused

PROGRAM = '''
import torch
from torch.distributions import Bernoulli
{beside}

def cubic(params, sample):
    """E (b + 1)^3 = 1 + 7 p, for every p of the parameters."""
    return ((sample(Bernoulli(params)) + 1) ** 3).reshape(len(params), -1).sum(-1)
'''


def written(folder: Path, beside: str = "") -> str:
    path = folder / "mine.py"
    path.write_text(PROGRAM.format(beside=beside))
    return f"{path}:cubic"


def test_params_behind_the_target(tmp_path: Path) -> None:
    target = written(tmp_path)
    scalar, vector, single = (find_problems([f"{target}@{text}"], quick=True)[0] for text in ("0.3", "0.3,0.5", "0.3,"))
    assert [tuple(each.params.shape) for each in (scalar, vector, single)] == [(), (2,), (1,)]
    assert [each.name for each in (scalar, vector)] == ["cubic:0.3", "cubic:0.3,0.5"]
    assert find_reference(vector, 0, 0.1).gradient == pytest.approx([7.0, 7.0])


@pytest.mark.parametrize(
    ("beside", "given", "exact"),
    [
        ("PARAMS, EXACT = 0.3, 7.0", "", 7.0),
        ("PARAMS, EXACT = 0.3, 7.0", "@0.4", None),
        ("PARAMS, EXACT = 0.3, lambda params: 7 + 0 * params", "@0.4", 7.0),
        ("PARAMS = [0.3, 0.5]", "", None),
        ("PARAMS, EXACT = torch.tensor(0.3, dtype=torch.float32), torch.tensor(7.0)", "", 7.0),
    ],
)
def test_params_and_gradient_beside_the_program(tmp_path: Path, beside: str, given: str, exact: float | None) -> None:
    (problem,) = find_problems([written(tmp_path, beside) + given], quick=True)
    assert (None if problem.exact is None else float(problem.exact)) == exact
    assert problem.params.dtype == (torch.float32 if "float32" in beside else torch.float64)


@pytest.mark.parametrize(
    ("beside", "given", "said"),
    [
        ("", "", "is a program without the point at which to differentiate it; give '"),
        ("", "@a,b", "'a,b' are not parameters; expected numbers separated by commas"),
        ("", "@", "'' are not parameters"),
        ("PARAMS = 'here'", "", "PARAMS beside it is a str; expected numbers or a tensor"),
        ("PARAMS, EXACT = 0.3, [7.0, 7.0]", "", "exact has shape (2,), params (); they must agree"),
        ("PARAMS = float('nan')", "", "params are nan; expected finite numbers"),
    ],
)
def test_what_is_missing_or_wrong_is_said(tmp_path: Path, beside: str, given: str, said: str) -> None:
    result = invoke("verify", "leave_one_out", "--workers", "0", "--problem", written(tmp_path, beside) + given)
    assert said in refused(result)


def test_params_are_for_programs(tmp_path: Path) -> None:
    path = tmp_path / "object.py"
    path.write_text(
        "import torch\nfrom gradverify.verification import Problem\n"
        "walk = Problem(name='walk', program=lambda p, s: p, params=torch.tensor(0.5))\n"
    )
    assert "is not a program (params, sample) and takes no parameters" in refused(
        invoke("verify", "leave_one_out", "--workers", "0", "--problem", f"{path}:walk@3")
    )
    assert "no --problem names a program" in refused(
        invoke("verify", "leave_one_out", "--workers", "0", "--problem", "bernoulli:0.3", "--params", "3")
    )


def test_the_command_takes_params_and_its_replay_holds_them(tmp_path: Path) -> None:
    target = written(tmp_path)
    options = ("--problem", target, "--params", "0.3,0.5", "--workers", "0")
    assert invoke("verify", "leave_one_out", *options, "--out", tmp_path / "report").exit_code == 0
    cell = Record.read(tmp_path / "report" / "report.json").cells[-1]
    assert cell.problem == "cubic:0.3,0.5"
    assert f"{target}@0.3,0.5" in cell.replay


def test_a_wrong_gradient_beside_the_program_is_found(tmp_path: Path) -> None:
    """Enumeration contradicts it, so no verdict rests on it."""
    target = written(tmp_path, "PARAMS, EXACT = 0.3, 7.7")
    result = invoke("verify", "leave_one_out", "--problem", target, "--workers", "0")
    assert result.exit_code == 1
    assert "disagree" in result.stdout


def test_what_is_a_program() -> None:
    assert is_program(lambda params, sample: params)
    assert not is_program(list)
    assert not is_program(lambda params=None, sample=None: [])
    assert not is_program(dict)
    assert not is_program(3)


def test_targets_keep_what_is_not_theirs() -> None:
    assert split_params("random_walk:10/square/p") == ("random_walk:10/square/p", None)
    for place in ("me@home/mine.py:walk", "C:/me@home/mine.py:walk"):
        assert split_params(place) == (place, None)
    assert with_params(["package.module:walk", "random_walk:10"], "1") == ("package.module:walk@1", "random_walk:10")
    with pytest.raises(TargetError, match="--params 1: no --problem"):
        with_params(["random_walk:10"], "1")
