"""StochasticAD's published comparison: standard deviations of three estimators on the random walk at p = 2n."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ....estimators.conditional_triples import ConditionalTriple
from ....estimators.markov import MarkovProgram
from ....estimators.protocol import Estimator
from ....estimators.score_function import ScoreFunction
from ....estimators.smoothed_triples import SmoothedTriple
from ....estimators.stochastic_triples import StochasticTriple
from ...problems.problem import Problem
from ...problems.random_walk import published_walk
from ...record.study import Chart, Series, Statement, Table
from ...truth.chains.chain import ReplicateMoments
from ...truth.chains.triples import pruned_triple_moments
from ...truth.known_moments import known_moments, problem_chain
from ...truth.recursion import chain_moments
from .published_numbers import Comparison, inside_statement, sampled_moments

__all__ = ["walk_chart", "walk_comparisons", "walk_exact_table", "walk_long_table", "walk_statements", "walk_table"]

LENGTHS = tuple(range(10, 101, 10))
LONG = 800
READING_ERROR = 0.2
"""The error with which a point can be read off the published figure."""

ALLOWED = 0.05
"""The relative distance allowed between a published and an exact point; the figure's sampling error is not given."""

TRIPLE, SCORE, CENTRED = "pruned triple", "score function", "score function, baseline E f"

PUBLISHED: Mapping[str, tuple[float, ...]] = {
    TRIPLE: (1.04, 1.63, 2.20, 2.85, 3.46, 4.08, 4.74, 5.26, 5.82, 6.55),
    SCORE: (3.8, 9.7, 17.4, 25.4, 35.0, 45.2, 56.7, 67.6, 81.0, 95.7),
    CENTRED: (1.9, 4.1, 6.3, 8.6, 10.4, 12.6, 14.8, 17.1, 20.0, 21.5),
}
"""The standard deviations read off the published figure at n = 10, 20, ..., 100; its first points are partly hidden."""


def walk_comparisons(samples: int, seed: int) -> Iterator[Comparison]:
    """Yield the comparisons of the three estimators at the ten lengths, sampled and exact.

    Args:
        samples: The number of rows per point.
        seed: The seed.
    """
    for place, length in enumerate(LENGTHS):
        (problem,) = published_walk(length)
        for name, estimator in _estimators(problem).items():
            exact = _exact(estimator, problem).variance
            moments = sampled_moments(estimator, problem.program, problem.params, name=problem.name, samples=samples, seed=seed)
            yield Comparison(name=name, size=length, exact=exact, moments=moments, published=PUBLISHED[name][place])


def walk_chart(compared: tuple[Comparison, ...]) -> Chart:
    """Return the figure: exact lines dashed, and sampled points with their intervals."""
    series = []
    for name in PUBLISHED:
        mine = tuple(each for each in compared if each.name == name)
        sizes = tuple(each.size for each in mine)
        limits = tuple(each.limits() for each in mine)
        series.append(Series(label=name, x=sizes, y=tuple(math.sqrt(each.exact) for each in mine), style="dashed"))
        series.append(
            Series(
                label=name,
                x=sizes,
                y=tuple(float(each.moments.std[0]) for each in mine),
                low=tuple(math.sqrt(low) for low, _ in limits),
                high=tuple(math.sqrt(high) for _, high in limits),
                style="points",
            )
        )
    return Chart(
        name="published_walk",
        title="Standard deviation of d/dp E[X_n^2], p = 2n",
        caption="Points are sampled, with 95 % intervals. Dashed lines are exact, by recursion over the walk's states.",
        x_label="steps n",
        y_label="standard deviation of one replicate",
        series=tuple(series),
        y_log=True,
    )


def walk_table(compared: tuple[Comparison, ...]) -> Table:
    """Return the table of the figure's numbers."""
    return Table(
        title="Random walk at p = 2n, d/dp E[X_n^2]: standard deviation of one replicate",
        columns=("n", "estimator", "published", "exact", "measured", "95 % low", "95 % high", "published agrees"),
        rows=tuple(
            (
                int(each.size),
                each.name,
                each.published,
                math.sqrt(each.exact),
                float(each.moments.std[0]),
                *(math.sqrt(limit) for limit in each.limits()),
                "yes" if _published_agrees(each) else "no",
            )
            for each in compared
        ),
        caption=f"Published values were read off the figure, with an error of about {READING_ERROR:g}; its "
        f"sample size is unknown. They agree if they lie within {READING_ERROR:g} or {100 * ALLOWED:g} % of the exact value.",
    )


def walk_exact_table() -> Table:
    """Tabulate exactly what the figure leaves out: two more triples, and the smoothed one, which is biased."""
    rows = []
    for length in LENGTHS:
        (problem,) = published_walk(length)
        conditional, smoothed = _exact(ConditionalTriple(), problem), _exact(SmoothedTriple(), problem)
        deviations = (math.sqrt(each.variance) for each in (_dead_weight(problem), conditional, smoothed))
        rows.append((length, conditional.mean, *deviations, smoothed.mean - conditional.mean))
    return Table(
        title="The same walk, exact: standard deviation of one replicate",
        columns=("n", "d/dp E[X_n^2]", "triple, dead weight kept", "conditional triple", "smoothed triple", "smoothed, bias"),
        rows=tuple(rows),
        caption="Dead weight: alternatives that have met the primal are not dropped, and may displace a live one.",
    )


def walk_long_table() -> Table:
    """Tabulate exact values beyond the figure, where no rows are needed."""
    (problem,) = published_walk(LONG)
    exact = {name: _exact(each, problem) for name, each in _estimators(problem).items()}
    exact["conditional triple"] = _exact(ConditionalTriple(), problem)
    deviations = tuple((f"standard deviation, {name}", math.sqrt(each.variance)) for name, each in exact.items())
    return Table(
        title=f"The same walk at n = {LONG}, exact",
        columns=("quantity", "value"),
        rows=(("d/dp E[X_n^2]", exact[TRIPLE].mean), *deviations),
    )


def walk_statements(compared: tuple[Comparison, ...]) -> tuple[Statement, ...]:
    """State whether the measured values are the exact ones, and whether those are the published ones."""
    measured = inside_statement(
        "On the published walk, every measured standard deviation agrees with the exact one.", compared, "standard deviations"
    )
    agreeing = sum(_published_agrees(each) for each in compared)
    farthest = max(compared, key=_relative)
    published = Statement(
        claim=f"Published points lie within {100 * ALLOWED:g} % or the reading error {READING_ERROR:g} of the exact values.",
        outcome="holds" if agreeing == len(compared) else "fails",
        measured=f"{agreeing} of {len(compared)} points; the farthest in per cent: {farthest.name} at n = {farthest.size:g}, "
        f"{100 * _relative(farthest):.1f} %",
        note="The figure was drawn from its own sample, whose size is not given.",
    )
    return measured, published, _dropping()


def _dropping() -> Statement:
    """State whether the figure can tell a triple that drops coalesced alternatives from one that does not."""
    far = {}
    for length, point in zip(LENGTHS, PUBLISHED[TRIPLE], strict=False):
        kept = math.sqrt(_dead_weight(*published_walk(length)).variance)
        if not _near(point, kept):
            far[length] = kept
    last = max(far, default=None)
    return Statement(
        claim="A triple that keeps alternatives after they met the primal misses the published standard deviations.",
        outcome="holds" if far else "fails",
        measured=f"{len(far)} of {len(LENGTHS)} points differ"
        + (f"; at n = {last} it has {far[last]:.4g}" if last is not None else ""),
        note="It is unbiased nevertheless; only the variance shows the difference.",
    )


def _estimators(problem: Problem) -> dict[str, Estimator]:
    """Return the three estimators that the figure compares."""
    assert isinstance(problem.program, MarkovProgram)
    mean = chain_moments(problem.program, problem.params).mean
    return {TRIPLE: StochasticTriple(), SCORE: ScoreFunction(), CENTRED: ScoreFunction(baseline=mean)}


def _exact(estimator: Estimator, problem: Problem) -> ReplicateMoments:
    found = known_moments(estimator, problem)
    assert found is not None, f"no recursion for {estimator}"
    return found


def _dead_weight(problem: Problem) -> ReplicateMoments:
    return pruned_triple_moments(problem_chain(problem), dead_weight=True)


def _relative(each: Comparison) -> float:
    assert each.published is not None
    return abs(each.published / math.sqrt(each.exact) - 1)


def _published_agrees(each: Comparison) -> bool:
    assert each.published is not None
    return _near(each.published, math.sqrt(each.exact))


def _near(published: float, exact: float) -> bool:
    return abs(published - exact) <= max(READING_ERROR, ALLOWED * exact)
