"""The gradient of six edges: the tutorial's rule gives none, and bias is told from noise."""

from __future__ import annotations

import pytest

from gradverify.verification.experiments.nri import gradient
from gradverify.verification.experiments.nri.gradient import gradient_table, zero_statement


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer replicates of the six edges' gradient than a study draws."""
    monkeypatch.setattr(gradient, "ROWS", 1024)


def test_the_zero_gradient_would_be_seen_if_it_were_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert zero_statement(0).outcome == "holds"
    monkeypatch.setattr(gradient, "TUTORIAL_RULE", "reinmax")
    assert zero_statement(0).outcome == "fails"


def test_the_gradients_table_tells_bias_from_noise() -> None:
    rows = {each[0]: each for each in gradient_table(["leave_one_out", "straight_through", "agent_torch_categorical"], 0).rows}
    for name, biased in (("leave_one_out", False), ("straight_through", True)):
        _, error, noise, _, note = rows[name]
        assert isinstance(error, float)
        assert isinstance(noise, float)
        # Twelve numbers' error has the noise's length in the mean of squares; four times it is beyond any chance.
        assert (error > 4 * noise) is biased
        assert note == "one-hot edges"
    assert rows["agent_torch_categorical"][1] is None
    assert "carries none" in str(rows["agent_torch_categorical"][4])
