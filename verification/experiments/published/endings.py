"""The end of polynomial programming's training: how far each rule gets from the published start to the optimum."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...record.study import Chart, Series, Statement, Table
from ...verdicts import StatementOutcome
from ..spread import Spread, make_curve
from ..statement_outcomes import judge_at_least, judge_at_most
from .polynomial_training import EXACT, Run, Schedule, resting_loss
from .polynomials import PUBLISHED

__all__ = ["training_charts", "training_statements", "training_tables"]

_NEAR = 0.95
_SHORT = 0.5

_THRESHOLD = (
    "The literature shows only curves, so this threshold is ours. A rule is slower if its mean gradient is smaller than the "
    "true one, as ReinMax's is by half at power 1.5."
)

_ARRIVES = ("reinmax", "leave_one_out")
_STOPS = "straight_through"


def training_charts(runs: Sequence[Run], schedule: Schedule | None) -> tuple[Chart, ...]:
    """Return one chart of the loss over the steps per power; none without training."""
    if schedule is None:
        return ()
    steps = range(0, schedule.epochs * schedule.steps + 1, schedule.steps)
    ends = (0.0, float(steps[-1]))
    return tuple(
        Chart(
            name=f"published_polynomial_{power:g}".replace(".", "point"),
            title=f"Polynomial programming, mean |x - 0.45|^{power:g}",
            caption="Exact expected loss of the logits; means and 95 % bands over seeds. Straight-through rests where its mean "
            "gradient is zero; the true gradient is not zero there.",
            x_label="steps of Adam",
            y_label="expected loss",
            series=(
                *(_line(each, steps) for each in runs if each.power == power),
                Series(label="published optimum", x=ends, y=(optimum, optimum), style="dashed"),
                Series(label="where straight-through rests", x=ends, y=(resting_loss(power),) * 2, style="dashed"),
            ),
        )
        for power, _, optimum in PUBLISHED
        if power in schedule.powers
    )


def training_tables(runs: Sequence[Run]) -> tuple[Table, ...]:
    """Return the table of the losses at the end; none without training."""
    table = Table(
        title="Polynomial programming, trained: loss at the end",
        columns=("power", "estimator", "loss", "95 % low", "95 % high", "way to the optimum", "way: low", "way: high"),
        rows=tuple(
            (each.power, each.estimator, *_limits(Spread.of(each.losses[-1])), *_limits(_way(each)))
            for each in sorted(runs, key=lambda each: each.power)
        ),
        caption="Way: from the published start (0) to the published optimum (1). Intervals over seeds. These two numbers are "
        "the only ones printed for the published curves.",
    )
    return (table,) if runs else ()


def training_statements(runs: Sequence[Run]) -> tuple[Statement, ...]:
    """State which rules reach the published optimum in the published number of steps; nothing without training."""
    if not runs:
        return ()
    arriving = tuple(
        _statement(
            f"Trained as published, {name} covers at least {_NEAR:.0%} of the way to the published optimum, at every power.",
            [each for each in runs if each.estimator == name],
            lambda way: judge_at_least(way, _NEAR),
            _THRESHOLD,
        )
        for name in _ARRIVES
    )
    stopped = [each for each in runs if each.estimator == _STOPS]
    rests = ", ".join(f"{resting_loss(each.power):.4g} at power {each.power:g}" for each in stopped)
    stopping = _statement(
        f"Trained as published, {_STOPS} covers at most {_SHORT:.0%} of the way to the published optimum, at every power.",
        stopped,
        lambda way: judge_at_most(way, _SHORT),
        f"It rests where p f'(1) + (1 - p) f'(0) = 0, with losses of {rests}.",
    )
    return *arriving, stopping


def _statement(claim: str, runs: Sequence[Run], judge: Callable[[Spread], StatementOutcome], note: str = "") -> Statement:
    ways = {each.power: _way(each) for each in runs}
    outcomes = {judge(each) for each in ways.values()}
    return Statement(
        claim=claim,
        outcome="fails" if "fails" in outcomes else "open" if "open" in outcomes else "holds",
        measured="; ".join(f"{way} at power {power:g}" for power, way in ways.items()) + ", as shares of the way",
        note=note,
    )


def _way(run: Run) -> Spread:
    """Return the share of the way from the published start to the published optimum, over the seeds."""
    ((start, optimum),) = ((start, optimum) for power, start, optimum in PUBLISHED if power == run.power)
    return Spread.of((start - run.losses[-1]) / (start - optimum))


def _line(run: Run, steps: range) -> Series:
    line = make_curve(run.estimator, steps, run.losses)
    return Series(label=EXACT, x=line.x, y=line.y, style="dashed") if run.estimator == EXACT else line


def _limits(spread: Spread) -> tuple[float, float, float]:
    return spread.mean, spread.low, spread.high
