"""The comparison of drawn values with the probabilities of their sites."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...estimators.sites import FiniteSite
from ..verdicts import LawOutcome

__all__ = ["DrawnLevels", "DrawnSite", "ForwardLaw", "judge_draws"]

_ROUNDING = 1e-5  # the distance of ``hard + p - sg(p)`` from the support


@dataclass(frozen=True)
class ForwardLaw:
    """The finding of the forward check.

    Attributes:
        outcome: ``pass``, ``failed`` or ``not-tested``.
        note: One sentence for a reader.
        num_samples: The number of values compared.
        log_rate: Natural logarithm of the bound on the false-alarm rate of the most striking comparison.
    """

    outcome: LawOutcome
    note: str = ""
    num_samples: int = 0
    log_rate: float = 0.0


@dataclass(frozen=True, eq=False)
class DrawnSite:
    """The values drawn at one site in the first run of a program.

    Attributes:
        where: The site in words.
        site: The site's probabilities, row by row.
        value: The drawn values, ``[rows, ...]``.
    """

    where: str
    site: FiniteSite
    value: Tensor

    @property
    def comparisons(self) -> int:
        """The number of comparisons: one for every element and category."""
        return self.site.shape[1:].numel() * self.site.num_categories


@dataclass(frozen=True, eq=False)
class DrawnLevels:
    """The values drawn at a site without a list of categories, each as the probability of a value that is not larger.

    Attributes:
        where: The site in words.
        levels: Numbers that are uniform on [0, 1] if the values have the site's law, ``[rows, ...]``.
    """

    where: str
    levels: Tensor

    @property
    def comparisons(self) -> int:
        """The number of comparisons: one for every element."""
        return self.levels[0].numel()


def judge_draws(seen: list[DrawnSite | DrawnLevels], alpha: float) -> ForwardLaw:
    """Compare values with their laws at a false-alarm rate that is shared by all comparisons.

    Args:
        seen: The values of each site, one or more sites; rows are independent.
        alpha: False-alarm rate of the whole comparison.
    """
    limit = math.log(alpha / sum(each.comparisons for each in seen))
    worst, where, compared = 0.0, "", 0
    for each in seen:
        if isinstance(each, DrawnLevels):
            lowest, distance = _uniform_log_rate(each.levels)
            compared += len(each.levels)
            if lowest < worst:
                worst, where = (
                    lowest,
                    f"{each.where}: the distribution functions of the values and of the law are {distance:.3g} apart",
                )
            continue
        site, value = each.site, each.value
        one_hot = _one_hot(site, value)
        if one_hot is None:
            note = f"{each.where}: values outside the support, such as {_outsider(site, value):.6g}"
            return ForwardLaw("failed", note, len(value), -math.inf)
        rate = _log_rates(one_hot, site.probabilities())
        compared += len(value)
        lowest = float(rate.min())
        if lowest < worst:
            element, category = divmod(int(rate.reshape(-1).argmin()), site.num_categories)
            share = float(one_hot.double().mean(0).reshape(-1)[rate.reshape(-1).argmin()])
            expected = float(site.probabilities().double().mean(0).reshape(-1)[rate.reshape(-1).argmin()])
            worst = lowest
            where = f"{each.where}, element {element}, category {category}: drawn {share:.4g}, expected {expected:.4g}"
    outcome: LawOutcome = "failed" if worst < limit else "pass"
    return ForwardLaw(outcome, where if outcome == "failed" else "", compared, worst)


def _uniform_log_rate(levels: Tensor) -> tuple[float, float]:
    """Return the logarithm of the bound ``2 exp(-2 n d^2)`` at the largest distance d from the uniform law, and d.

    References:
        Massart (1990), The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality.
    """
    ordered = levels.double().reshape(len(levels), -1).sort(0).values
    steps = torch.arange(len(levels) + 1, dtype=torch.float64, device=levels.device).unsqueeze(1) / len(levels)
    distance = float(torch.maximum((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))
    return min(0.0, math.log(2) - 2 * len(levels) * distance**2), distance


def _log_rates(one_hot: Tensor, probabilities: Tensor) -> Tensor:
    """Compute the logarithm of Bernstein's bound for every element and category, ``[*batch, K]``."""
    p = probabilities.double()
    surplus = (one_hot.double() - p).sum(0).abs()
    # The rounding of p itself is not a surplus.
    surplus = (surplus - len(p) * 4 * torch.finfo(probabilities.dtype).eps).clamp(min=0)
    spread = (p * (1 - p)).sum(0)
    bound = math.log(2) - surplus.square() / (2 * (spread + surplus / 3)).clamp(min=1e-300)
    return torch.where((spread < 1e-12) & (surplus > 0.5), -torch.inf, bound.clamp(max=0))


def _one_hot(site: FiniteSite, value: Tensor) -> Tensor | None:
    """Return the drawn categories as one-hot vectors; None if a value is not in the support."""
    index = site.nearest(value)
    if not _near(value, site.from_index(index)):
        return None
    return (index.unsqueeze(-1) == torch.arange(site.num_categories, device=value.device)).to(site.dtype)


def _near(value: Tensor, rounded: Tensor) -> bool:
    return bool(((value - rounded).abs() <= _ROUNDING * rounded.abs().clamp(min=1)).all())


def _outsider(site: FiniteSite, value: Tensor) -> float:
    off = (value - value.round()).abs()
    return float(value.reshape(-1)[int(off.reshape(-1).argmax())])
