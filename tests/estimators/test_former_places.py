"""The former places of modules: they hold what the new ones hold, they warn, and this project does not use them."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORMER = {"exact": "runs.exact", "relaxed": "runs.relaxed", "tape": "runs.tape"}


@pytest.mark.parametrize(("old", "new"), FORMER.items())
def test_an_old_path_warns_and_names_the_new_one(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"gradverify.estimators.{old}", raising=False)
    with pytest.warns(
        DeprecationWarning, match=f"gradverify.estimators.{old} has moved; import gradverify.estimators.{new} instead"
    ):
        former = importlib.import_module(f"gradverify.estimators.{old}")
    home = importlib.import_module(f"gradverify.estimators.{new}")
    assert former.__all__ == home.__all__
    assert all(getattr(former, name) is getattr(home, name) for name in home.__all__)


def test_nothing_here_imports_an_old_path() -> None:
    old = re.compile(r"^from \S*\bestimators\.(?:exact|relaxed|tape) import", re.MULTILINE)
    beside = re.compile(r"^from \.(?:exact|relaxed|tape) import", re.MULTILINE)
    files = [path for folder in ("estimators", "verification", "tests", "examples") for path in (ROOT / folder).rglob("*.py")]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    assert not [path for path, text in texts.items() if old.search(text)]
    assert not [path for path in (ROOT / "estimators").glob("*.py") if beside.search(texts[path])]
