"""Gumbel-Softmax of two categories at temperature 2 (Jang et al. 2017) for a hard sample; the factor by one integral.

Mean and gradient both lie along (1, -1), so that the direction is right.
"""

from functools import partial

from torch.nn.functional import gumbel_softmax

PROBLEM = "categorical_one_hot:2/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.6322129}
target = partial(gumbel_softmax, tau=2.0)
