"""The page on foreign code is correct: every block prints the text beneath it, and every command runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradverify.verification.cli import main

PAGE = (Path(__file__).parents[1] / "examples" / "foreign.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^gradverify .*$", PAGE, re.MULTILINE)
OTHERS = ("reinmax", "pyro")


def needs(text: str) -> None:
    for each in OTHERS:
        if re.search(rf"(from|import) {each}|\b{each}:", text):
            pytest.importorskip(each)


@pytest.mark.parametrize(("code", "shown"), BLOCKS, ids=[code.split("\n")[0][:60] for code, _ in BLOCKS])
def test_every_block_prints_what_is_shown(code: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    needs(code)
    exec(compile(code, "foreign.md", "exec"), {"__name__": "foreign"})
    assert capsys.readouterr().out.strip() == shown.strip()


def test_nothing_on_the_page_is_left_out() -> None:
    assert PAGE.count("```python") == len(BLOCKS) == 11
    assert len(COMMANDS) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(command: str) -> None:
    """Both targets are biased, and neither claims a bias, so that the default claim of no bias is refuted."""
    needs(command)
    result = CliRunner().invoke(main, [*shlex.split(command)[1:], "--workers", "1"])
    assert result.exit_code == 1, result.output
    assert "How foreign code was called" in result.stdout
