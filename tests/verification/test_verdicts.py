"""The vocabulary of verdicts: the schema's words are the types', and the type checker sees a misspelling."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import gradverify.verification
from gradverify.verification import verdicts
from gradverify.verification.record.record import schema

MISSPELT = """
from gradverify.verification.record.record import Check

right = Check(check="bias", outcome="biased")
wrong = Check(check="bias", outcome="biassed")
if right.outcome == "unbiassed":
    print("never")
"""


def test_the_schema_has_the_words_of_the_types() -> None:
    definitions = schema()["$defs"]
    assert set(definitions["claim"]["enum"]) == set(get_args(verdicts.Claim))
    assert set(definitions["bias"]["properties"]["outcome"]["enum"]) == set(get_args(verdicts.BiasOutcome))
    assert "no_gradient" not in json.dumps(sorted(get_args(verdicts.BiasOutcome)))


def test_the_type_checker_sees_a_misspelt_verdict(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(MISSPELT)
    # Only the modules that say what a check is: the whole package would take a minute.
    place = tmp_path / "gradverify" / "verification"
    (place / "record").mkdir(parents=True)
    for name in ("verdicts.py", "record/record.py", "record/head.py", "record/migration.py", "record/study.py"):
        (place / name).symlink_to(Path(gradverify.verification.__file__).parent / name)
    options = ("--strict", "--no-site-packages", "--namespace-packages", "--explicit-package-bases")
    command = [sys.executable, "-m", "mypy", *options, "user.py"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 'user.py:5: error: Argument "outcome" to "Check" has incompatible type' in checked.stdout, checked.stdout
    assert "user.py:6: error: Non-overlapping equality check" in checked.stdout
    assert checked.stdout.count("error:") == 2
