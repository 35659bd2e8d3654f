"""The bias of a group of sites: its figures in words."""

from __future__ import annotations

from gradverify.verification.attribution.group_bias import GroupBias


def a_group(**changes: object) -> GroupBias:
    fields = {
        "sites": (2,),
        "outcome": "biased",
        "estimate": 0.5,
        "interval": (0.4, 0.6),
        "relative": 0.1,
        "channel": "coordinate 2",
        "num_samples": 1000,
        "alpha": 1e-4,
    }
    return GroupBias(**{**fields, **changes})  # type: ignore[arg-type]


def test_figures_in_words() -> None:
    assert str(a_group()) == "0.5 in [0.4, 0.6] (coordinate 2, 10 % of its scale)"
    assert str(a_group(relative=None)) == "0.5 in [0.4, 0.6] (coordinate 2)"
    assert str(a_group(estimate=None, interval=None)) == "no figure"
