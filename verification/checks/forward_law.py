"""The forward law: the values that a program receives follow their site's distribution, whatever the gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.distributions import Bernoulli, Categorical, Distribution, OneHotCategorical

from ...estimators.protocol import Estimator, NoGradientPathError, NotApplicableError, Program, Sample, describe
from ...estimators.sites import FiniteSite, Site, is_finite, site_of
from ..verdicts import LawOutcome

__all__ = ["ForwardLaw", "check_forward_law"]

ROWS = 4096
_ROUNDING = 1e-5  # the distance of ``hard + p - sg(p)`` from the support

_EDGES: dict[type[Distribution], Callable[[Tensor], Distribution]] = {
    Bernoulli: lambda rows: Bernoulli(_edges(rows, (0.0, 1.0, 0.02, 0.3, 0.98)), validate_args=False),
    Categorical: lambda rows: Categorical(_edges(rows, (0.0, 0.25, 0.02, 0.73, 0.0)), validate_args=False),
    OneHotCategorical: lambda rows: OneHotCategorical(_edges(rows, (0.0, 0.25, 0.02, 0.73, 0.0)), validate_args=False),
}
"""For each site type, a site with certain and impossible outcomes among others."""

_OWN = "in a program of the check's own (a {kind} site with certain and impossible outcomes)"


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


def check_forward_law(
    estimator: Estimator,
    program: Program,
    params: Tensor,
    types: frozenset[type[Distribution]],
    seeded: Callable[[int], torch.Generator],
    alpha: float,
) -> ForwardLaw:
    """Compare the values of the estimator's first run of a program with their sites' probabilities.

    For every element and category, ``S = sum over rows (1[drawn] - p)`` has bounded independent terms, so Bernstein's bound
    ``2 exp(-S^2 / (2 (V + |S| / 3)))``, ``V = sum p (1 - p)``, holds for every p and any number of rows; at p = 0 and p = 1
    one wrong value suffices. Values of a law without a list of categories are compared by its distribution function: a
    largest distance of d over n rows has a probability of at most ``2 exp(-2 n d^2)``. The check compares the program's own
    sites, and sites of the same types with certain and impossible outcomes in programs of its own; the note says which. It
    uses only an estimator's first run, because later runs may be conditioned or forced.

    Args:
        estimator: The estimator, fitted if it learns.
        program: The program.
        params: The point, ``[*param]``.
        types: The program's site types.
        seeded: Function from the number of a run to its generator.
        alpha: False-alarm rate of the whole check.

    References:
        Boucheron, Lugosi and Massart (2013), Concentration inequalities, section 2.8.
    """
    forward = describe(estimator).forward
    if forward != "law":
        return ForwardLaw("not-tested", f"its runs are {forward}, so they need not follow the sites' law")
    seen: list[_Drawn | _DrawnLevels] = []
    _run(estimator, program, params, seeded(0), seen, "")
    for number, kind in enumerate(sorted(types & _EDGES.keys(), key=lambda each: each.__name__)):
        where = _OWN.format(kind=kind.__name__)
        try:
            _run(estimator, _edge_program(_EDGES[kind]), params, seeded(number + 1), seen, f"{where}, ")
        except Exception as error:
            note = f"{where}: {type(error).__name__}: {error}"
            return ForwardLaw("failed", note[:300], 0, -math.inf)
    if not seen:
        return ForwardLaw("not-tested", "it drew no values through the sampling primitive")
    return _judge(seen, alpha)


@dataclass(frozen=True, eq=False)
class _Drawn:
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
class _DrawnLevels:
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


def _run(
    estimator: Estimator,
    program: Program,
    params: Tensor,
    generator: torch.Generator,
    seen: list[_Drawn | _DrawnLevels],
    where: str,
) -> None:
    """Add the values that the first full run of a program draws, with sites counted from 0 after ``where``."""
    runs, before = 0, len(seen)

    def watched_program(params: Tensor, sample: Sample) -> Tensor:
        nonlocal runs
        # A shorter run inspects the program's structure, and its draws do not count.
        full = len(params) >= ROWS
        runs += full
        first = full and runs == 1

        def watching(distribution: Distribution) -> Tensor:
            value = sample(distribution)
            if first:
                name = f"{where}site {len(seen) - before}"
                seen.append(_watch(site_of(distribution).detach(), _primal(value).detach(), name))
            return value

        return program(params, watching)

    try:
        estimator(watched_program, params, ROWS, generator)
    except (NotApplicableError, NoGradientPathError):
        return


def _watch(site: Site, value: Tensor, name: str) -> _Drawn | _DrawnLevels:
    """Return what is compared of the values of a site: those of the first rows, which are independent."""
    independent = min(ROWS, site.shape[0])
    if is_finite(site):
        return _Drawn(name, site.with_probs(_primal(site.probs)[:independent]), value[:independent])
    return _DrawnLevels(name, _primal(site.cdf(value))[:independent])


def _edge_program(distribution: Callable[[Tensor], Distribution]) -> Program:
    def program(params: Tensor, sample: Sample) -> Tensor:
        value = sample(distribution(params))
        return value.reshape(len(params), -1).sum(1)

    return program


def _edges(rows: Tensor, probabilities: tuple[float, ...]) -> Tensor:
    """Repeat probabilities for every row, connected to the parameters although they do not depend on them."""
    return rows.reshape(len(rows), -1)[:, :1] * 0 + rows.new_tensor(probabilities)


def _primal(tensor: Tensor) -> Tensor:
    """Return a tensor without the derivative that forward mode attaches."""
    primal: Tensor = forward_ad.unpack_dual(tensor).primal
    return primal


def _judge(seen: list[_Drawn | _DrawnLevels], alpha: float) -> ForwardLaw:
    limit = math.log(alpha / sum(each.comparisons for each in seen))
    worst, where, compared = 0.0, "", 0
    for each in seen:
        if isinstance(each, _DrawnLevels):
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
