"""Targets: every kind that names an estimator, and every message for one that does not."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributions import Bernoulli

import gradverify.estimators as package
from gradverify.estimators import ESTIMATORS, LeaveOneOut, ScoreFunction, TargetError, load_estimator, registry
from gradverify.estimators.registry import load_attribute, names

SOURCE = '''
"""A file of a user's."""
import torch
from gradverify.estimators import LeaveOneOut, ScoreFunction

instance = LeaveOneOut(group=3)
number = 7
_hidden = 1


class Plain:
    def __call__(self, program, params, num_samples, generator):
        return params.expand(num_samples, *params.shape)


class Demanding(Plain):
    def __init__(self, needed):
        self.needed = needed


class Holder:
    inner = ScoreFunction(baseline=2.0)


def function(program, params, num_samples, generator):
    return params.expand(num_samples, *params.shape)


def keyword_only(program, params, num_samples, generator, *, scale=2.0):
    return params.expand(num_samples, *params.shape)


def factory():
    return LeaveOneOut(group=5)


def wrong_factory():
    return 3


def other(one, two):
    return "text"
'''


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    before = set(sys.modules)
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    yield path
    for name in set(sys.modules) - before:
        if name.startswith("_gradverify_target_"):
            del sys.modules[name]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Writes importable modules of a user's."""
    monkeypatch.syspath_prepend(str(tmp_path))
    written: list[str] = []

    def write(name: str, source: str) -> None:
        (tmp_path / f"{name}.py").write_text(source)
        written.append(name)

    yield write
    for name in written:
        sys.modules.pop(name, None)


@dataclass(frozen=True)
class _EntryPoint:
    name: str
    target: Any

    def load(self) -> Any:
        return self.target


def _entry_points(monkeypatch: pytest.MonkeyPatch, *points: _EntryPoint) -> None:
    def found(*, group: str) -> tuple[_EntryPoint, ...]:
        assert group == "gradverify.estimators"
        return points

    monkeypatch.setattr(registry, "entry_points", found)


def _runs(estimator: Any) -> bool:
    rows = estimator(lambda params, sample: sample(Bernoulli(params)), torch.tensor(0.5), 2, torch.Generator())
    return bool(rows.shape == (2,))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_registered_names_are_found(name: str) -> None:
    assert load_estimator(name) is ESTIMATORS[name]
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)


def test_no_two_names_are_one_estimator() -> None:
    assert len(set(ESTIMATORS.values())) == len(ESTIMATORS)


def test_other_packages_add_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = LeaveOneOut(group=9)
    _entry_points(monkeypatch, _EntryPoint("theirs", theirs), _EntryPoint("their_class", LeaveOneOut))
    assert load_estimator("theirs") is theirs
    assert load_estimator("their_class") == LeaveOneOut()
    assert names() == [*ESTIMATORS, "theirs", "their_class"]
    with pytest.raises(TargetError, match="did you mean theirs"):
        load_estimator("their")


def test_other_packages_cannot_replace_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    _entry_points(monkeypatch, _EntryPoint("score_function", LeaveOneOut()))
    assert load_estimator("score_function") == ScoreFunction()


def test_what_another_package_adds_must_be_an_estimator(monkeypatch: pytest.MonkeyPatch) -> None:
    _entry_points(monkeypatch, _EntryPoint("broken", 3))
    with pytest.raises(TargetError, match="'broken' is a int, not an estimator"):
        load_estimator("broken")


@pytest.mark.parametrize("attribute", ["instance", "Plain", "Holder.inner", "function", "keyword_only", "factory"])
def test_files_are_found(file: Path, attribute: str) -> None:
    estimator = load_estimator(f"{file}:{attribute}")
    assert _runs(estimator)
    assert not isinstance(estimator, type)


def test_instances_and_factories_keep_their_hyper_parameters(file: Path) -> None:
    assert load_estimator(f"{file}:instance") == LeaveOneOut(group=3)
    assert load_estimator(f"{file}:factory") == LeaveOneOut(group=5)
    assert load_estimator(f"{file}:Holder.inner") == ScoreFunction(baseline=2.0)


def test_relative_paths_are_found(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert load_estimator("mine.py:instance") == LeaveOneOut(group=3)


def test_a_file_is_loaded_once_under_a_private_name(file: Path) -> None:
    first, second = (load_attribute(f"{file}:Plain") for _ in range(2))
    assert first is second
    assert re.fullmatch(r"_gradverify_target_[0-9a-f]{12}", first.__module__)
    assert sys.modules[first.__module__].__file__ == str(file)
    assert "mine" not in sys.modules


def test_modules_are_found(module: Callable[[str, str], None]) -> None:
    module("a_users_module", SOURCE)
    assert load_estimator("a_users_module:instance") == LeaveOneOut(group=3)
    assert load_estimator("gradverify.estimators:LeaveOneOut") == LeaveOneOut()
    assert load_estimator("gradverify.estimators.score_function:ScoreFunction") == ScoreFunction()


def test_an_unknown_name_is_told_what_is_close_and_what_is_expected() -> None:
    with pytest.raises(TargetError) as error:
        load_estimator("leave_on_out")
    message = str(error.value)
    assert "unknown estimator 'leave_on_out'; did you mean leave_one_out" in message
    assert "'package.module:attr' or 'path/to/file.py:attr'" in message
    with pytest.raises(TargetError, match=r"'mine\.py' is a file; name what stands in it, as in mine\.py:MyEstimator"):
        load_estimator("mine.py")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=rf"there is no file {re.escape(str(tmp_path))}/none\.py; give a path to an existing"):
        load_estimator(f"{tmp_path}/none.py:attr")


def test_a_missing_module_is_named(module: Callable[[str, str], None]) -> None:
    with pytest.raises(TargetError, match=r"there is no module 'nowhere_at_all' to import; install it, or give 'path/to/file"):
        load_estimator("nowhere_at_all.inside:attr")
    module("needs_another", "import nowhere_at_all\n")
    with pytest.raises(TargetError, match="'needs_another:attr': there is no module 'nowhere_at_all' to import"):
        load_estimator("needs_another:attr")


@pytest.mark.parametrize("target", [":attr", "..relative:attr"])
def test_what_cannot_be_imported_at_all_is_a_target_error(target: str) -> None:
    with pytest.raises(TargetError, match="raised"):
        load_estimator(target)


@pytest.mark.parametrize("attribute", ["missing", "Holder.missing", ""])
def test_a_missing_attribute_is_answered_with_the_public_ones(file: Path, attribute: str) -> None:
    with pytest.raises(TargetError) as error:
        load_estimator(f"{file}:{attribute}")
    message = str(error.value)
    assert f"has no attribute {attribute!r}" in message
    assert "Plain" in message
    assert "factory" in message
    assert "_hidden" not in message


def test_an_empty_file_has_nothing_public(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(TargetError, match="it has nothing public"):
        load_estimator(f"{tmp_path}/empty.py:attr")


def test_arguments_that_tell_no_role_are_asked_for_by_name(file: Path) -> None:
    with pytest.raises(TargetError, match="its arguments 'one' and 'two' have no known role"):
        load_estimator(f"{file}:other")


@pytest.mark.parametrize(
    ("attribute", "kind"),
    [("number", "int"), ("wrong_factory", "function"), ("Holder", "type")],
)
def test_what_is_no_estimator_is_refused(file: Path, attribute: str, kind: str) -> None:
    with pytest.raises(TargetError) as error:
        load_estimator(f"{file}:{attribute}")
    message = str(error.value)
    assert f":{attribute}' is a {kind}, not an estimator" in message
    assert "(program, params, num_samples, generator) -> rows" in message


def test_a_class_that_demands_arguments_is_refused(file: Path) -> None:
    with pytest.raises(TargetError, match=":Demanding' is a class that demands needed; bind these arguments"):
        load_estimator(f"{file}:Demanding")


@pytest.mark.parametrize(
    ("source", "raised"),
    [
        ("1 / 0\n", r"ZeroDivisionError at raises\.py, line 1: division by zero"),
        ("def broken(:\n", "SyntaxError"),
        ("import nowhere_at_all\n", "nowhere"),
    ],
)
def test_a_file_that_raises_is_reported_and_forgotten(tmp_path: Path, source: str, raised: str) -> None:
    path = tmp_path / "raises.py"
    path.write_text(source)
    with pytest.raises(TargetError, match=rf"loading {re.escape(str(path))} raised .*{raised}") as error:
        load_estimator(f"{path}:attr")
    assert isinstance(error.value.__cause__, Exception)
    assert not any(name.startswith("_gradverify_target_") and _file_of(name) == str(path) for name in sys.modules)
    path.write_text(SOURCE)
    assert load_estimator(f"{path}:instance") == LeaveOneOut(group=3)


def test_a_module_that_raises_is_reported(module: Callable[[str, str], None]) -> None:
    module("raises_on_import", "raise RuntimeError('not today')\n")
    with pytest.raises(
        TargetError, match=r"importing raises_on_import raised RuntimeError at raises_on_import\.py, line 1: not today"
    ) as error:
        load_estimator("raises_on_import:attr")
    assert isinstance(error.value.__cause__, RuntimeError)


def test_public_names_are_there_and_documented() -> None:
    assert len(set(package.__all__)) == len(package.__all__)
    for name in package.__all__:
        found = getattr(package, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert found.__doc__, name


def test_every_registered_class_is_public() -> None:
    for estimator in ESTIMATORS.values():
        assert getattr(package, type(estimator).__name__) is type(estimator)


def _file_of(name: str) -> str | None:
    return getattr(sys.modules[name], "__file__", None)
