"""Straight-through on a cubic objective. Scale and angle by enumeration of 4 outcomes."""

from torch.distributions import OneHotCategoricalStraightThrough

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 1.074978, "angle": 27.1179}
target = OneHotCategoricalStraightThrough
