"""Claims about Gumbel-Softmax: a bias is stated with its cost."""

from __future__ import annotations

from dataclasses import replace

from gradverify.verification.experiments.walk.design import GUMBEL, jobs
from gradverify.verification.experiments.walk.findings import Findings
from gradverify.verification.experiments.walk.gumbel_claims import deviates, drifts, is_biased

from .designs import TINY, made_up

DESIGN = replace(TINY, estimators=GUMBEL)


def test_nothing_is_claimed_without_results() -> None:
    for claim in (deviates, drifts, is_biased):
        assert claim(Findings(DESIGN, ())) is None


def test_a_bias_is_counted_and_its_cost_is_noted() -> None:
    results = tuple(made_up(job, bias=0.5) for job in jobs(DESIGN))
    found = is_biased(Findings(DESIGN, results))
    assert found is not None
    assert found.measured == "a bias is seen at 4 of 4 points, at most 25.0% of the gradient"
    assert "|theta - theta*| is" in found.note
