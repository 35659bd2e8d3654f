"""Records of former versions in today's form: what they do not know is left out, and nothing is made up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["READABLE", "migrate"]

_Data = Mapping[str, Any]


def migrate(data: _Data) -> _Data:
    """Return a record's data, of any version that is read, in the form of today's.

    Args:
        data: The data of a record, as JSON has it; its non-finite numbers are numbers.
    """
    step = _STEPS.get(data["schema_version"])
    return data if step is None else migrate(step(data))


def _from_1_0(data: _Data) -> _Data:
    """Return a record of version 1.0 as one of 2.0.

    A bias had one number, ``relative``: that of the channel that decided, a coordinate or a projection. It is kept under the
    name ``channel_relative``. For one parameter it is the relative error, and gives the scale; a vector's scale is known from
    the gain along the gradient. The relative error and the angle of a vector cannot be known from such a record.
    """
    cells = [{**cell, "checks": [_check(cell, check) for check in cell["checks"]]} for cell in data["cells"]]
    return {**data, "schema_version": "2.0", "cells": cells}


def _check(cell: _Data, check: _Data) -> _Data:
    kept = {key: value for key, value in check.items() if key != "relative"}
    if check.get("relative") is not None:
        kept["channel_relative"] = check["relative"]
    if check["check"] != "bias":
        return kept
    if isinstance(kept.get("scale"), int | float):
        kept["channel_scale"] = kept.pop("scale")
    return {**kept, **_figures(cell, kept)}


def _figures(cell: _Data, bias: _Data) -> _Data:
    facts = cell.get("facts", {})
    gains = [each for each in bias.get("channels") or () if each.get("kind") == "gain"]
    if facts.get("dimension") != 1:
        return {"scale": _divide(gains[0], gains[0]["scale"], 1.0)} if gains and gains[0].get("scale") else {}
    if bias.get("estimate") is None or bias.get("interval") is None:
        return {}
    unit, truth = facts.get("scale") or [None], facts.get("exact") or [None]
    found = {}
    if unit[0]:
        found["relative_error"] = _absolute(_divide(bias, unit[0]))
    if truth[0]:
        found["scale"] = _divide(bias, truth[0], 1.0)
    return found


def _divide(entry: _Data, unit: float, offset: float = 0.0) -> dict[str, Any]:
    ends = sorted(offset + each / unit for each in entry["interval"])
    return {"estimate": offset + entry["estimate"] / unit, "interval": ends}


def _absolute(figure: dict[str, Any]) -> dict[str, Any]:
    low, high = figure["interval"]
    least = 0.0 if low <= 0 <= high or math.isnan(low + high) else min(abs(low), abs(high))
    return {"estimate": abs(figure["estimate"]), "interval": [least, max(abs(low), abs(high))]}


_STEPS: Mapping[str, Callable[[_Data], _Data]] = {"1.0": _from_1_0}

READABLE = tuple(_STEPS)
"""The former versions that are read."""
