"""The study of a plan's outcomes: text, statements, tables and curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

import numpy as np

from ...record.study import Chart, Exhibits, Series, Statement, Study, Table, Value
from ..spread import CONFIDENCE
from .arm_results import ArmResult, arm_results
from .gradient import gradient_table, zero_statement
from .job_outcome import Outcome
from .metrics import FORECASTS, Scores
from .nri_statements import statements
from .training import TYPES, Arm
from .training_plan import TUTORIAL_RULE, Plan

__all__ = ["nri_study"]

_TEXT = (
    "Neural relational inference (Kipf et al. 2018) recovers which particles interact from their trajectories alone. An "
    "encoder gives each edge's type a probability, one sample of the types drives a decoder, and the gradient estimator at "
    "that sampling site decides whether the encoder learns. Every estimator trains the same networks on the same simulations; "
    "only the estimator differs.",
    "The accuracy is the share of edges whose most probable type is the true one, under the best relabelling of the types (one "
    "for the whole split); chance is 0.5. The NLL is in nats per particle, without its constant. The true KL from the uniform "
    "prior lies in [0, (N - 1) ln K]. The tutorial plots it without its constant; that curve is negative and reads upside "
    "down, so both are shown.",
    "Each model is tested at its best epoch by validation NLL, with hard samples of the edges. Bands run from the smallest to "
    "the largest seed; intervals in the table are Student intervals over seeds. Estimators whose intervals overlap are not "
    "ranked.",
    "Motion capture and sports tracking, which the tutorial mentions, are left out: their data cannot be shipped.",
)

_CurveName = Literal["accuracy", "nll", "kl", "kl-as-plotted"]

_CURVES: tuple[tuple[_CurveName, str, str, str, Callable[[Scores], float]], ...] = (
    (
        "accuracy",
        "Edges inferred",
        "accuracy, best relabelling",
        "Validation accuracy; the dashed line is chance.",
        lambda scores: scores.accuracy,
    ),
    (
        "nll",
        "Prediction of the trajectories",
        "NLL, nats per particle",
        "Validation NLL from the first epoch on, hard samples, a true frame every ten steps. A decoder lowers it by itself.",
        lambda scores: scores.nll,
    ),
    (
        "kl",
        "Information in the posterior: true KL",
        "KL(q || uniform), nats per particle",
        "Zero is the uniform posterior; the dashed line is the greatest possible value.",
        lambda scores: scores.kl,
    ),
    (
        "kl-as-plotted",
        "The KL as the tutorial plots it, without its constant",
        "sum q ln q / N, nats per particle",
        "The dashed line is -(N - 1) ln K: the uniform posterior, an encoder that has learned nothing.",
        lambda scores: scores.kl_plotted,
    ),
)


_BANDS = (
    "Means over seeds; bands from the smallest to the largest seed. If arms differ only in their steps, the longest is drawn."
)


def nri_study(plan: Plan, outcomes: Sequence[Outcome]) -> Study:
    """Return the study of a plan's outcomes.

    Args:
        plan: The plan.
        outcomes: The outcomes of the jobs that ended.
    """
    results = arm_results(outcomes)
    names = list(dict.fromkeys(each.arm.estimator for each in results))
    tables = [table for table in (_scores(results), _refusals(results)) if table.rows]
    tables += [gradient_table(names, plan.data.seed)] if names else []
    return Study(
        name="relational-inference",
        title="Relational inference",
        text=_TEXT,
        statements=_statements(plan, results, names),
        exhibits=Exhibits(charts=tuple(_charts(plan, results)), tables=tuple(tables)),
        settings=_settings(plan),
        timing=Exhibits(tables=(_seconds(results),)),
    )


def _statements(plan: Plan, results: Sequence[ArmResult], names: Sequence[str]) -> tuple[Statement, ...]:
    exact = (zero_statement(plan.data.seed),) if TUTORIAL_RULE in names else ()
    return (*statements(plan, results), *exact)


def _settings(plan: Plan) -> dict[str, Any]:
    jobs = [{**asdict(each.arm), "seed": each.seed} for each in plan.jobs]
    return {"size": plan.size, "data": asdict(plan.data), "training": asdict(plan.training), "jobs": jobs}


def _charts(plan: Plan, results: Sequence[ArmResult]) -> list[Chart]:
    """Return four charts for each pair of networks; networks with steps of different cost do not share a chart."""
    pairs = list(dict.fromkeys((each.arm.encoder, each.arm.decoder) for each in results if each.trained))
    charts = []
    for encoder, decoder in pairs:
        group = [each for each in _longest(results) if (each.arm.encoder, each.arm.decoder) == (encoder, decoder)]
        networks = f"{encoder.upper()}/{decoder.upper()}"
        for key, title, y_label, caption, measure in _CURVES:
            charts.append(
                Chart(
                    name=f"nri-{key}-{encoder}-{decoder}",
                    title=f"{title} ({plan.data.simulator}, {networks})",
                    caption=f"{caption} {_BANDS}",
                    x_label="optimisation steps",
                    y_label=y_label,
                    # An untrained decoder's NLL is a hundred times the rest, and would leave no room for it.
                    series=(*(_curve(each, measure, int(key == "nll")) for each in group), *_limit(key, plan, group)),
                    y_log=key == "nll",
                )
            )
    return charts


def _longest(results: Sequence[ArmResult]) -> list[ArmResult]:
    """Drop arms that are the beginning of a longer arm: their curves coincide with its first part."""
    steps: dict[Arm, int] = {}
    for each in results:
        if each.trained:
            alike = replace(each.arm, steps=0)
            steps[alike] = max(steps.get(alike, 0), each.arm.steps)
    return [each for each in results if each.trained and steps[replace(each.arm, steps=0)] == each.arm.steps]


def _curve(result: ArmResult, measure: Callable[[Scores], float], first: int) -> Series:
    values = np.array([[measure(point.scores) for point in each.curve[first:]] for each in result.trained])
    return Series(
        # The title names the networks and the axis the steps, so an estimator has one colour in all charts.
        label=result.arm.estimator,
        x=tuple(float(point.step) for point in result.trained[0].curve[first:]),
        y=tuple(values.mean(0).tolist()),
        low=tuple(values.min(0).tolist()) if len(values) > 1 else (),
        high=tuple(values.max(0).tolist()) if len(values) > 1 else (),
    )


def _limit(key: _CurveName, plan: Plan, group: Sequence[ArmResult]) -> tuple[Series, ...]:
    """Return the dashed reference line of a chart over all its steps."""
    largest = (plan.data.particles - 1) * math.log(TYPES)
    values: dict[_CurveName, tuple[str, float]] = {
        "accuracy": ("chance", 1 / TYPES),
        "kl": ("greatest possible", largest),
        "kl-as-plotted": ("uniform posterior", -largest),
    }
    if key not in values:
        return ()
    label, value = values[key]
    last = float(max(each.arm.steps for each in group))
    return (Series(label=label, x=(0.0, last), y=(value, value), style="dashed"),)


def _scores(results: Sequence[ArmResult]) -> Table:
    columns = (
        "estimator",
        "encoder/decoder",
        "steps",
        "seeds",
        "accuracy",
        "lower limit",
        "upper limit",
        "raw accuracy",
        "validation accuracy",
        "NLL, 10 steps",
        "NLL, 1 step",
        "true KL",
        "KL as plotted",
        *(f"MSE, {ahead} step{'s' if ahead > 1 else ''}" for ahead in FORECASTS),
    )
    return Table(
        title="Test scores, means over seeds",
        columns=columns,
        rows=tuple(_score_row(each) for each in results if each.trained),
        caption=f"Scores at the best epoch by validation NLL. Limits: {CONFIDENCE:.0%} Student interval of the accuracy over "
        "seeds. MSE: error of forecasts beyond the encoder's frames, in normalised units squared. NLLs of different "
        "decoders are not comparable: the recurrent one is fed true frames up to the last ten steps.",
    )


def _score_row(result: ArmResult) -> tuple[Value, ...]:
    arm, accuracy = result.arm, result.over(lambda each: each.test.accuracy)
    means = [
        result.over(measure).mean
        for measure in (
            lambda each: each.test.raw_accuracy,
            lambda each: each.curve[each.best].scores.accuracy,
            lambda each: each.test.nll,
            lambda each: each.test.nll_one_step,
            lambda each: each.test.kl,
            lambda each: each.test.kl_plotted,
            *(lambda each, place=place: each.errors[place] for place in range(len(FORECASTS))),
        )
    ]
    known = len(result.trained) > 1
    limits = (accuracy.low, accuracy.high) if known else (None, None)
    head = (arm.estimator, f"{arm.encoder}/{arm.decoder}", arm.steps, len(result.trained), accuracy.mean)
    return (*head, *limits, *(None if math.isnan(each) else each for each in means))


def _refusals(results: Sequence[ArmResult]) -> Table:
    rows = tuple((each.arm.estimator, status, note) for each in results for status, note in each.refusals)
    return Table(title="Arms that could not be trained", columns=("estimator", "outcome", "reason"), rows=rows)


def _seconds(results: Sequence[ArmResult]) -> Table:
    rows = tuple(
        (each.label, each.over(lambda one: one.seconds).mean, each.over(lambda one: one.seconds).mean / each.arm.steps * 1e3)
        for each in results
        if each.trained
    )
    return Table(title="Time", columns=("estimator", "seconds per model", "milliseconds per step, with evaluation"), rows=rows)
