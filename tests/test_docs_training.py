"""The guide to training code: its examples run, and the first one fails as the guide says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gradverify.verification import GradientError

GUIDE = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
WRONG, SOUND = re.findall(r"<!-- example -->\n```python\n(.*?)```", GUIDE, re.DOTALL)


def test_the_failure_is_the_one_shown() -> None:
    (shown,) = re.findall(r"<!-- output -->\n```\n(.*?)```", GUIDE, re.DOTALL)
    namespace: dict[str, Any] = {}
    with pytest.raises(GradientError) as raised:
        exec(WRONG, namespace)
    assert f"GradientError: {raised.value}".split() == shown.split()


def test_the_sound_rollout_passes() -> None:
    exec(SOUND, {})
