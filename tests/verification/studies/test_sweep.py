"""Which problems a sweep comes to, and under which settings."""

from __future__ import annotations

import pytest

from gradverify.verification.studies.sweep import LEAST, SAMPLES, sweep_settings, swept


def test_one_series_by_size() -> None:
    (series,) = swept("random_walk/square/p", (20, 5, 10, 5))
    assert [each.name for each in series] == [f"random_walk:{n}/square/p" for n in (5, 10, 20)]


def test_a_family_is_all_its_series() -> None:
    found = swept("random_walk", (4, 6, 8))
    assert len(found) == 6
    assert all([each.size for each in several] == ["4", "6", "8"] for several in found)


@pytest.mark.parametrize(
    ("target", "sizes", "message"),
    [
        ("random_walk:10/square/p", (5, 10, 20), "leave the size out"),
        ("random_walk/square/p", (5, 10), "three sizes or more"),
        ("chain/cubic/theta", (2, 3, 4), "vector of parameters"),
        ("nothing", (2, 3, 4), "unknown problem"),
    ],
)
def test_what_cannot_be_swept_is_refused(target: str, sizes: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        swept(target, sizes)


def test_settings() -> None:
    settings = sweep_settings(profile="quick", samples=None, seed=3, alpha=1e-3, device="cpu", dtype="float32")
    assert (settings.profile.max_rows, settings.profile.min_rows) == (SAMPLES["quick"],) * 2
    assert settings.profile.max_rows // settings.profile.least_share >= LEAST
    assert (settings.seed, settings.dtype, settings.expect) == (3, "float32", "claims")
    with pytest.raises(ValueError, match="at least 2048 rows"):
        sweep_settings(profile="quick", samples=100, seed=0, alpha=1e-3, device="cpu", dtype=None)
    with pytest.raises(ValueError, match="dtype='int8'"):
        sweep_settings(profile="quick", samples=None, seed=0, alpha=1e-3, device="cpu", dtype="int8")
