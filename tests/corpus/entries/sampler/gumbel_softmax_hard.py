"""Straight-through Gumbel-Softmax of two categories at temperature 1; the factor by one integral."""

from functools import partial

from torch.nn.functional import gumbel_softmax

PROBLEM = "categorical_one_hot:2/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 2.044052}
target = partial(gumbel_softmax, hard=True)
