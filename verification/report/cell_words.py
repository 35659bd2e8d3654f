"""A cell and its checks in words: a detail beside a cell's verdict, a check's answer, and a whole cell in one line."""

from __future__ import annotations

from ..record.record import Cell, Check
from .gradient_words import bias_facts, bias_headline
from .quantities import MISSING, count, finite, number, percent

__all__ = ["answer", "bias_detail", "cell_line"]


def bias_detail(cell: Cell) -> str:
    """Return the number or the reason that belongs beside a cell's word, or the empty string."""
    bias = cell.find("bias")
    if bias is None or cell.status in ("crashed", "timeout"):
        return ""
    if bias.outcome == "unbiased" and finite(bias.details.get("r")):
        return "exactly" if _exact(bias) else f"within {percent(bias.details['r'])}"
    if bias.outcome == "biased":
        return bias_headline(bias) or number(bias.estimate)
    reason = str(bias.details.get("reason") or "")
    return reason if reason != MISSING else ""


def answer(check: Check) -> str:
    """Return a check's answer as a phrase that reads well after the names of the estimator and the problem.

    Example:
        >>> [answer(Check(check=check, outcome=outcome)) for check, outcome in (("bias", "biased"), ("forward_law", "failed"))]
        ['biased', 'forward law failed']
    """
    name, outcome = check.check.replace("_", " "), check.outcome
    if outcome in ("biased", "unbiased"):
        return _bias_answer(check)
    if outcome == "timeout":
        return "ran out of time"
    if name == "run":
        return outcome
    if outcome in ("fitted", "poor fit", "too few points"):
        return f"{name}: {outcome}"
    if outcome == "no-gradient":
        return "no gradient flows"
    return f"{name}{' check' * (name == 'bias' and outcome == 'failed')} {outcome.replace('-', ' ')}"


def cell_line(cell: Cell) -> str:
    """Summarise a cell in one line: its verdict with the numbers behind it, and its variance."""
    bias, variance = cell.find("bias"), cell.find("variance")
    if bias is None:
        return cell.word
    facts = _bias_facts(bias)
    facts += [f"variance {number(variance.estimate)}"] if variance is not None else []
    facts += [bias.note.removeprefix("not applicable: ")] if not facts and bias.note else []
    return "; ".join(["exactly " * _exact(bias) + _bias_answer(bias), *facts])


def _bias_answer(bias: Check) -> str:
    """Return a bias check's outcome, and what is wrong with the gradient if it is biased."""
    return ": ".join(filter(None, (bias.outcome, bias_headline(bias) if bias.outcome == "biased" else "")))


def _bias_facts(bias: Check) -> list[str]:
    if _exact(bias) and bias.outcome == "unbiased":
        return []  # what is left is rounding
    if bias.outcome == "unbiased" and finite(bias.details.get("r")):
        facts = [f"no bias above {percent(bias.details['r'])} of the gradient"]
    else:
        facts = bias_facts(bias)
    facts += [str(bias.details["material"])] if bias.outcome == "biased" and bias.details.get("material") else []
    return facts + ([f"{count(bias.num_samples)} rows"] if bias.num_samples else [])


def _exact(bias: Check) -> bool:
    """True if the estimator's mean was computed over all of its draws, so that it is no estimate."""
    return bias.details.get("reason") == "exact"
