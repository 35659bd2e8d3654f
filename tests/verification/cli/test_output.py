"""Records from elsewhere: what breaks the form is refused in a sentence, and what does not can be shown."""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gradverify.verification import verify
from gradverify.verification.cli.output import read_record
from gradverify.verification.comparison.compare import compare
from gradverify.verification.record.record import LARGEST_FILE
from gradverify.verification.report import render
from gradverify.verification.report.junit import to_junit
from gradverify.verification.report.markdown import to_markdown

INPUTS = 40
VALUES = (
    None, True, -1, 0, 1e308, 10**30, "NaN", "Infinity", "", "\x00\x1b[31m", "]]>", "<b>|`\n# x", "\ud800", [], {}, [1, 2],
    {"a": 1}, "x" * 5000,
)  # fmt: skip


@pytest.fixture(scope="module")
def sound() -> dict[str, Any]:
    record = verify(["leave_one_out", "straight_through"], ["bernoulli:0.3/cubic", "random_walk:10/square/p"])
    found: dict[str, Any] = json.loads(record.to_json())
    return found


def list_places(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = list(data) if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    for key in keys:
        yield (*place, key)
        yield from list_places(data[key], (*place, key))


def change(data: dict[str, Any], places: list[tuple[Any, ...]], source: random.Random) -> dict[str, Any]:
    """Delete, retype, repeat, rename or swap one value, or two."""
    changed = copy.deepcopy(data)
    for _ in range(source.choice((1, 1, 2))):
        *above, key = source.choice(places)
        try:
            parent: Any = changed
            for each in above:
                parent = parent[each]
            way = source.randrange(4)
            if way == 0:
                del parent[key]
            elif way == 1:
                parent[key] = source.choice(VALUES)
            elif way == 2 and isinstance(parent, list):
                parent.append(copy.deepcopy(parent[key]))
            elif way == 2:
                parent["new"] = parent[key]
            else:
                parent[key] = copy.deepcopy(source.choice(list(parent.values() if isinstance(parent, dict) else parent)))
        except (KeyError, IndexError, TypeError):  # the first change took the place away
            continue
    return changed


def test_a_changed_record_is_refused_or_shown(sound: dict[str, Any], tmp_path: Path) -> None:
    file, places, source = tmp_path / "x.json", list(list_places(sound)), random.Random(0)
    file.write_text(json.dumps(sound))
    base, refused = read_record(file), 0
    for _ in range(INPUTS):
        file.write_text(json.dumps(change(sound, places, source)))
        try:
            record = read_record(file)
        except ValueError:
            refused += 1
            continue
        assert render(record, 100, styled=False)
        assert to_markdown(record)
        assert to_junit(record)
        with suppress(ValueError):  # two records may have nothing in common
            compare(base, record)
    assert 0 < refused < INPUTS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a gradverify record"),
        ("[]", "not a gradverify record"),
        ("{", "not a gradverify record"),
        ("[" * 100_000, "not a gradverify record"),
        ('{"schema_version": "2.0", "schema_version": "2.0"}', "'schema_version' stands twice"),
        ('{"schema_version": NaN}', "NaN is no JSON"),
        ('{"schema_version": "9.9"}', "schema version '9.9'"),
        ('{"schema_version": "2.0", "run": 1, "cells": 2}', "not a gradverify record"),
        ("\ufeff{}", "not a gradverify record"),
    ],
)
def test_text_that_is_no_record_is_refused(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        read_record(file)


def test_a_record_that_breaks_its_schema_is_refused_with_the_place(sound: dict[str, Any], tmp_path: Path) -> None:
    broken = copy.deepcopy(sound)
    broken["cells"][0]["checks"][0]["num_samples"] = -1
    (tmp_path / "x.json").write_text(json.dumps(broken))
    with pytest.raises(ValueError, match=r"x.json: .*at \$.cells\[0\].checks\[0\].num_samples"):
        read_record(tmp_path / "x.json")


def test_files_that_are_no_ordinary_ones_are_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="bytes"):
        read_record(tmp_path / "bytes")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(ValueError, match="of 268,435,456 at most"):
        read_record(tmp_path / "large")
    with pytest.raises(ValueError, match="no ordinary file"):
        read_record(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="no ordinary file"):
        read_record(tmp_path / "pipe")
