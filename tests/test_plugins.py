"""Plug-ins: a package that is built, installed and found, and what a broken one costs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gradverify.verification.problems import find_problems, registered_problems, registry
from gradverify.verification.record.record import Record

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tests" / "sample_package"
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the sample package was installed into, by pip, from a copy: building leaves files behind."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(PACKAGE, folder / "source")
    where = ["--target", str(folder / "site"), str(folder / "source")]
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
    # What pip warns of is no fault of the package's.
    quiet = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *where], check=True, capture_output=True, env=quiet)
    return folder / "site"


ASKED = {
    "estimators": ["list", "estimators"],
    "problems": ["list", "problems"],
    "broken_estimator": ["verify", "broken_estimator", "--problem", "bernoulli:0.3", "--workers", "0"],
    "broken_problem": ["verify", "leave_one_out", "--problem", "broken_problem", "--workers", "0"],
}

SCRIPT = """
import json, sys
from click.testing import CliRunner
from gradverify.verification.cli import main

if __name__ == "__main__":
    said = {}
    for name, arguments in json.loads(sys.argv[1]).items():
        done = CliRunner().invoke(main, arguments)
        said[name] = [done.exit_code, done.stdout, done.stderr]
    print(json.dumps(said))
"""


def environment(site: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def answers(installed: Path) -> dict[str, tuple[int, str, str]]:
    """Exit status, output and errors of every command in `ASKED`, run in one process that finds the plug-ins."""
    script = installed.parent / "ask.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), json.dumps(ASKED)]
    done = subprocess.run(command, env=environment(installed), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name: tuple(each) for name, each in json.loads(done.stdout).items()}


def test_lists_show_it_and_say_what_is_broken(answers: dict[str, tuple[int, str, str]]) -> None:
    status, listed, broken = answers["estimators"]
    assert status == 0
    assert re.search(r"^clipped_score +biased +sample-gradients$", listed, re.MULTILINE)
    assert broken.startswith("plug-in 'broken_estimator' of sample-gradients cannot be loaded: ImportError: No module named")
    status, listed, broken = answers["problems"]
    assert status == 0
    assert {"outbreak:0.3/square/rate", "outbreak:0.6/square/rate"} <= set(listed.split())
    assert broken.startswith("plug-in 'broken_problem' of sample-gradients cannot be loaded: ImportError: No module named")


@pytest.mark.parametrize("name", ["broken_estimator", "broken_problem"])
def test_a_broken_one_is_an_error_where_it_is_asked_for(answers: dict[str, tuple[int, str, str]], name: str) -> None:
    status, said, error = answers[name]
    assert (status, said) == (2, "")
    assert f"plug-in '{name}' of sample-gradients cannot be loaded: ImportError" in error
    assert "Traceback" not in error


def test_verify_takes_the_names(installed: Path, tmp_path: Path) -> None:
    """The bias of clipping is far beyond the tolerance; both processes find the plug-ins."""
    command = [Path(sysconfig.get_path("scripts")) / "gradverify", "verify", "clipped_score", "leave_one_out"]
    options = ["--problem", "outbreak:0.3", "--workers", "1", "--out", tmp_path]
    done = subprocess.run([*command, *options], env=environment(installed), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {each.estimator: each.find("bias") for each in Record.read(tmp_path / "report.json").cells}
    assert found["leave_one_out"] is not None
    assert found["leave_one_out"].outcome == "unbiased"
    assert found["clipped_score"] is not None
    assert "broken" not in done.stdout + done.stderr


def test_the_guide_shows_this_package() -> None:
    """What the guide prints of ``pyproject.toml`` and of the module stands in the package, line by line."""
    shown = re.findall(r"```(toml|python)\n(.*?)```", GUIDE, re.DOTALL)
    assert [kind for kind, _ in shown] == ["toml", "python"]
    files = {"toml": PACKAGE / "pyproject.toml", "python": PACKAGE / "sample_gradients" / "__init__.py"}
    for kind, text in shown:
        held = files[kind].read_text(encoding="utf-8")
        missing = [line for line in text.splitlines() if line.strip() and line not in held]
        assert missing == []


@dataclass(frozen=True)
class _Point:
    name: str
    made: Callable[[], Any]

    def load(self) -> Any:
        return self.made()


def _missing() -> Any:
    raise ImportError("no such dependency")


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Entry points in this process: a broken one, and one that bears a name of the package's own; and the groups asked for."""
    asked: list[str] = []
    stolen = registered_problems()["bernoulli:0.3/cubic/p"]
    points = (_Point("broken", _missing), _Point("stolen", lambda: [replace(stolen, params=0.5 * stolen.params)]))

    def found(*, group: str) -> tuple[_Point, ...]:
        asked.append(group)
        return points

    registry._plugins.cache_clear()
    monkeypatch.setattr(registry, "entry_points", found)
    yield asked
    registry._plugins.cache_clear()


def test_the_packages_own_problems_load_no_plug_in(plugged: list[str]) -> None:
    assert len(find_problems(["bernoulli:0.3", "random_walk:7/square"], quick=True)) == 5
    assert plugged == []


def test_a_run_over_everything_leaves_a_broken_problem_out_and_says_so(plugged: list[str]) -> None:
    with pytest.warns(RuntimeWarning, match="left out: plug-in 'broken' of another package cannot be loaded: ImportError"):
        problems = find_problems([], quick=True)
    assert [float(each.params) for each in problems if each.name == "bernoulli:0.3/cubic/p"] == [0.3]
    assert plugged == ["gradverify.problems"]
