"""The logits of a site as its program gave them, and not as the distribution keeps them.

PyTorch subtracts the normaliser from the logits that a categorical distribution is built with. A rule that forgets the
normaliser is right for logits that have it already, and wrong for those that people pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, OneHotCategorical

from ..sites.reading import BernoulliSite, FiniteSite

__all__ = ["read_parameter"]


def read_parameter(distribution: Distribution, site: FiniteSite, takes: str, *, bits: bool) -> Tensor:
    """Return the parameter of a site that foreign code is handed, with the graph to the program's parameters.

    Logits of categories are those that the program built the distribution with, or else the log-probabilities. A bit of logit
    t that is handed over as two categories has the logits -t/2 and t/2, of which neither is constant.

    Args:
        distribution: The distribution of the site.
        site: The site, read from the distribution.
        takes: ``probs`` or ``logits``.
        bits: True for the parameter of one bit, ``[*batch]``; False for that of K categories, ``[*batch, K]``.
    """
    if takes == "probs":
        return site.probs if bits and isinstance(site, BernoulliSite) else site.probabilities()
    if not isinstance(site, BernoulliSite):
        given = _find_given(distribution)
        return site.log_probabilities() if given is None else given
    logs = site.log_probabilities()
    logit = logs[..., 1] - logs[..., 0]
    return logit if bits else torch.stack((-logit / 2, logit / 2), dim=-1)


def _find_given(distribution: Distribution) -> Tensor | None:
    """Return the logits that a categorical distribution was built with; None if it was built with probabilities.

    The distribution keeps ``x - logsumexp(x)`` alone, and the graph of that difference keeps x.
    """
    inner = distribution._categorical if isinstance(distribution, OneHotCategorical) else distribution
    if not isinstance(inner, Categorical) or inner._param is not vars(inner).get("logits"):
        return None
    difference = inner.logits.grad_fn
    parents = [] if difference is None else [node for node, _ in difference.next_functions]
    if len(parents) != 2 or parents[1] is None or not parents[1].name().startswith("Logsumexp"):
        return None
    normaliser: Any = parents[1]
    given: Tensor = normaliser._saved_self
    return given if torch.equal(given - given.logsumexp(-1, keepdim=True), inner.logits) else None
