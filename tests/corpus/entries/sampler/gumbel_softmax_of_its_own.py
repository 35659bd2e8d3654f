"""Gumbel-Softmax held to the relaxed program: right."""

from torch.nn.functional import gumbel_softmax

PROBLEM = "categorical_one_hot:4/cubic"
OPTIONS = {"truth": "relaxed"}
EXPECTED = {"outcome": "unbiased"}
target = gumbel_softmax
