"""Straight-through on an objective that is linear in the one-hot vector: right."""

from torch.distributions import OneHotCategoricalStraightThrough

PROBLEM = "categorical_one_hot:4/linear"
EXPECTED = {"outcome": "unbiased"}
target = OneHotCategoricalStraightThrough
