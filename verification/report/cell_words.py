"""A cell in a word, in a detail beside it, and in a line."""

from __future__ import annotations

from ..record.record import Cell, Check
from .quantities import MISSING, count, finite, number, percent, span

__all__ = ["bias_detail", "cell_line"]


def bias_detail(cell: Cell) -> str:
    """The number or the reason that belongs beside its word, or the empty string."""
    bias = cell.find("bias")
    if bias is None or cell.status in ("crashed", "timeout"):
        return ""
    if bias.outcome == "unbiased" and finite(bias.details.get("r")):
        return "exactly" if _exact(bias) else f"within {percent(bias.details['r'])}"
    if bias.outcome == "biased":
        return percent(bias.relative) if bias.relative is not None else number(bias.estimate)
    reason = str(bias.details.get("reason") or "")
    return reason if reason != MISSING else ""


def cell_line(cell: Cell) -> str:
    """A cell in one line: its verdict with the numbers behind it, and its variance."""
    bias, variance = cell.find("bias"), cell.find("variance")
    if bias is None:
        return cell.word
    facts = _bias_facts(bias)
    facts += [f"variance {number(variance.estimate)}"] if variance is not None else []
    facts += [bias.note.removeprefix("not applicable: ")] if not facts and bias.note else []
    return "; ".join(["exactly " * _exact(bias) + bias.outcome, *facts])


def _bias_facts(bias: Check) -> list[str]:
    if _exact(bias) and bias.outcome == "unbiased":
        return []  # what is left is rounding
    facts = []
    if bias.estimate is not None:
        interval = f" in {span(bias.interval)}" if bias.interval is not None and not _exact(bias) else ""
        facts.append(f"bias {number(bias.estimate)}{interval}")
    if bias.outcome == "unbiased" and finite(bias.details.get("r")):
        facts.append(f"none above {percent(bias.details['r'])} of the gradient")
    elif bias.relative is not None:
        facts.append(f"{percent(bias.relative)} of the gradient")
    facts += [str(bias.details["material"])] if bias.outcome == "biased" and bias.details.get("material") else []
    return facts + ([f"{count(bias.num_samples)} rows"] if bias.num_samples else [])


def _exact(bias: Check) -> bool:
    """Whether the mean is a number, over all of the estimator's draws, and no estimate."""
    return bias.details.get("reason") == "exact"
