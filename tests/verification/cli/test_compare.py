"""``gradverify compare``: its exit statuses, its forms, and one sentence for every wrong use."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradverify.verification.record.record import Record

from ..comparison.simulated_records import LAWS, record, simulated
from .test_verify import invoke, refused


@pytest.fixture
def records(tmp_path: Path) -> dict[str, Path]:
    made = {
        "base": record([simulated("mine", LAWS["normal"], 0)]),
        "alike": record([simulated("mine", LAWS["normal"], 1)], seed=1),
        "worse": record([simulated("mine", LAWS["normal"], 1, factor=2.0)], seed=1),
        "fewer": record([simulated("mine", LAWS["normal"], 0), simulated("gone", LAWS["bit"], 0)]),
        "other": record([simulated("other", LAWS["normal"], 0)]),
        "tolerant": record([simulated("mine", LAWS["normal"], 0)], tolerance=0.2),
    }
    for name, each in made.items():
        each.write(tmp_path / f"{name}.json")
    return {name: tmp_path / f"{name}.json" for name in made}


@pytest.mark.parametrize(
    ("base", "head", "options", "status"),
    [
        ("base", "base", (), 0),
        ("base", "alike", (), 0),
        ("base", "alike", ("--same",), 0),
        ("base", "worse", (), 1),
        ("base", "worse", ("--margin", "9"), 0),
        ("worse", "alike", (), 0),
        ("worse", "alike", ("--same",), 1),
        ("fewer", "base", (), 3),
        ("base", "base", ("--timing",), 0),
    ],
)
def test_exit_statuses(records: dict[str, Path], base: str, head: str, options: tuple[str, ...], status: int) -> None:
    result = invoke("compare", records[base], records[head], *options)
    assert result.exit_code == status, result.output
    assert f"Exit status {status}: " in result.stdout


@pytest.mark.parametrize(
    ("base", "head", "options", "said"),
    [
        ("base", "other", (), "the records have no cell in common"),
        ("base", "tolerant", (), "different tolerances, 0.1 and 0.2"),
        ("base", "base", ("--alpha", "0"), "--alpha 0; expected a number above 0"),
        ("base", "base", ("--margin", "-1"), "--margin -1; expected a number from 0"),
        ("base", "base", ("--format", "html"), "'html' is not one of 'text', 'markdown'"),
    ],
)
def test_wrong_use(records: dict[str, Path], base: str, head: str, options: tuple[str, ...], said: str) -> None:
    assert said in refused(invoke("compare", records[base], records[head], *options))


def test_what_is_no_record(records: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("{}")
    assert "not a gradverify record" in refused(invoke("compare", records["base"], tmp_path / "text"))
    assert "does not exist" in refused(invoke("compare", tmp_path / "absent.json", records["base"]))


def test_markdown_goes_to_a_file(records: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "comparison.md"
    result = invoke("compare", records["base"], records["worse"], "--format", "markdown", "--out", out)
    assert (result.exit_code, result.stdout) == (1, f"{out}\n")
    assert out.read_text().startswith("## gradverify: something is worse")


def test_two_seeds_of_a_real_run_agree(tmp_path: Path) -> None:
    """Ten tests at 1e-3 together: a false alarm has that probability at most; the seeds are fixed."""
    for seed in ("0", "1"):
        run = ("verify", "leave_one_out", "straight_through", "--problem", "bernoulli:0.3", "--workers", "0", "--seed", seed)
        assert invoke(*run, "--out", tmp_path / seed).exit_code == 0
    paths = [tmp_path / seed / "report.json" for seed in ("0", "1")]
    assert invoke("compare", *paths).exit_code == 0
    assert invoke("compare", *paths, "--same").exit_code == 0
    check = Record.read(paths[0]).cells[-1].find("variance")
    assert check is not None
    assert len(check.details["leave_one_out"]) == 30
