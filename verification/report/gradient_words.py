"""A bias in words: what is wrong with the gradient, and the figures behind that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..record.record import Check
from .quantities import finite, number, percent, span

__all__ = ["bias_facts", "bias_headline", "channel_fact"]


def bias_headline(check: Check) -> str:
    """Say in a few words how a biased gradient lies beside the true one; the empty string if that is not known.

    Example:
        >>> scale = {"estimate": 0.75, "interval": (0.7, 0.8)}
        >>> angle = {"estimate": 0.0, "interval": (0.0, 1.5)}
        >>> details = {"kind": "rescaled", "scale": scale, "angle": angle}
        >>> bias_headline(Check(check="bias", outcome="biased", details=details))
        'rescaled by 0.75, direction right'
    """
    scale, angle = check.scale, check.angle
    if check.kind == "rescaled" and scale is not None:
        return f"rescaled by {number(scale['estimate'])}" + (", direction right" if angle is not None else "")
    if check.kind == "reversed" and scale is not None:
        return "reversed" + (f", {number(-scale['estimate'])} times as long" if not _near_one(scale) else "")
    if check.kind == "zero":
        return "zero gradient"
    if check.kind == "turned" and angle is not None:
        return f"turned by {_degrees(angle['estimate'])}"
    error = check.relative_error
    if error is None or not finite(error["estimate"]):
        return ""
    return f"off by {percent(error['estimate'])} of the gradient"


def bias_facts(check: Check) -> list[str]:
    """Return the figures of a bias check as phrases: relative error, scale and angle, each with its interval."""
    facts = []
    if check.relative_error is not None:
        facts.append(f"relative error {_ratio(check.relative_error)}")
    if check.scale is not None and check.outcome != "unbiased":
        facts.append(f"scale {number(check.scale['estimate'])} in {span(check.scale['interval'])}")
    if check.angle is not None and check.outcome != "unbiased":
        low, high = check.angle["interval"]
        facts.append(f"angle {number(check.angle['estimate'])} in {span((low, high))} degrees")
    return facts if facts else channel_fact(check)


def channel_fact(check: Check) -> list[str]:
    """Return the number of the channel that decided, named as such; nothing if there is none."""
    if check.estimate is None:
        return []
    channel = str(check.details.get("channel") or "")
    exact = check.details.get("reason") == "exact"
    interval = f" in {span(check.interval)}" if check.interval is not None and not exact else ""
    return [f"bias {number(check.estimate)}{interval}" + (f" ({channel})" if channel else "")]


def _near_one(scale: Mapping[str, Any]) -> bool:
    low, high = scale["interval"]
    return bool(low <= -1 <= high)


def _degrees(angle: float) -> str:
    return f"{number(round(angle)) if angle >= 10 else number(angle, digits=2)} degrees"


def _ratio(figure: Mapping[str, Any]) -> str:
    low, high = figure["interval"]
    if low == high:
        return percent(figure["estimate"])
    return f"{percent(figure['estimate'])} ({percent(low)} to {percent(high)})"
