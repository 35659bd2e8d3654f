"""Bugs in triples: only a Markov program has them, and keeping a dead alternative leaves the mean right."""

from __future__ import annotations

import pytest
import torch

from gradverify.estimators.protocol import NotApplicableError
from gradverify.verification.selftest.mutants.triple_bugs import FaultyTriple
from gradverify.verification.selftest.sensitive import find_problem
from gradverify.verification.truth.references import find_reference

WALK, COIN = find_problem("random_walk:10/square/p"), find_problem("coin/centred/logit")


def test_a_plain_program_is_refused() -> None:
    with pytest.raises(NotApplicableError, match="needs a Markov program"):
        FaultyTriple("kept")(COIN.program, COIN.params, 4, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("fault", "right"), [("kept", True), ("newest", False)])
def test_a_dead_alternative_costs_variance_alone(fault: str, right: bool) -> None:
    """20,000 rows; a right mean lies within six standard errors (false-fail rate 2e-9), the other one is off by half."""
    rows = FaultyTriple(fault)(WALK.program, WALK.params, 20_000, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    distance = abs(float(rows.mean()) - float(find_reference(WALK, 0, 0.1).gradient[0])) / (float(rows.std()) / 20_000**0.5)
    assert (distance < 6) is right
    assert right or distance > 12
