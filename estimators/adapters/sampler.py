"""Foreign samplers as estimators: every sample of a program drawn by foreign code, the objective differentiated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Binomial, Categorical, Distribution, Geometric, OneHotCategorical, Poisson

from ..protocol import NoGradientPathError, Program, Sample, UnsupportedSiteError, evaluate, row_gradients, row_leaf
from ..runs.relaxed import one_hot
from ..runs.tape import draw
from ..sites.reading import Site, site_of
from .adapter import Adapter
from .answers import entry
from .calling import answer, fresh
from .convention import PASSED_WORDS, Convention, ForeignError
from .randomness import forked
from .reading import EVERY, TRIALS
from .trial import FEW_ROWS, PROBE_ROWS, feed, handed_sample, heat_of

__all__ = ["SITES", "ForeignSampler", "HandedSampleConvention", "SamplerConvention"]

SITES: dict[str, type[Distribution]] = {
    each.__name__: each for each in (Bernoulli, Categorical, OneHotCategorical, Binomial, Geometric, Poisson)
}
"""The sites by the names that a convention holds."""


_TAKEN = {"vectors": ", one vector at a time", "numbers": ", one number at a time"}


@dataclass(frozen=True, repr=False)
class SamplerConvention(Convention):
    """How a sampler is used: a function of parameters that returns samples, or a class with ``rsample``.

    Attributes:
        returns: ``one-hot``, ``index`` or ``value``.
        sites: Names of the distributions that its samples can stand for.
        relaxed: Its samples lie between the support's points.

    Example:
        >>> SamplerConvention((("", "theta"),), "logits", returns="index", item=0).sentence()
        'found to be a sampler: takes logits, returns indices (entry 0 of a tuple); objective: discrete'
    """

    kind: ClassVar[str] = "sampler"

    returns: str = ""
    sites: tuple[str, ...] = ()
    relaxed: bool = False

    def sentence(self) -> str:
        """The convention in words, for a report."""
        return self._in_words("a sampler", [f"takes {_taken(self)}", f"returns {'relaxed ' * self.relaxed}{_returned(self)}"])

    def adapt(self, target: Any) -> ForeignSampler:
        """The estimator that draws with a target."""
        return ForeignSampler(target, self)

    def trial_call(self) -> dict[str, Any]:
        """The probing law, and one sample, or the trials of a binomial."""
        bits = self.returns == "value" and self.sites == ("Bernoulli",)
        theta = feed(self.takes, bits=bits, rows=PROBE_ROWS if self.layout == "rows" else FEW_ROWS)
        count = torch.full_like(theta, TRIALS) if self.sites == ("Binomial",) else 1
        return {"theta": theta, "count": count, "temperature": heat_of(self)}


@dataclass(frozen=True, repr=False)
class HandedSampleConvention(Convention):
    """How a rule is used that is handed a sample, and returns it with a gradient attached.

    Attributes:
        handed: The form of that sample: ``one-hot``, ``index`` or ``value``.
    """

    kind: ClassVar[str] = "handed a sample"

    handed: str = "one-hot"

    @property
    def returns(self) -> str:
        """What it returns is what it is handed."""
        return self.handed

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of the distributions that such samples stand for."""
        every = {"one-hot": EVERY, "index": tuple(each for each in EVERY if each != "OneHotCategorical")}
        return every.get(self.handed, ("Bernoulli",))

    def sentence(self) -> str:
        """The convention in words, for a report."""
        handed = {"one-hot": "one-hot vectors", "index": "indices", "value": "bits"}[self.handed]
        return self._in_words("handed samples", [handed, f"takes {_taken(self)}", f"returns {_returned(self)}"])

    def adapt(self, target: Any) -> ForeignSampler:
        """The estimator that hands a target its own samples."""
        return ForeignSampler(target, self)

    def trial_call(self) -> dict[str, Any]:
        """The probing law, and samples with it."""
        theta = feed(self.takes, bits=self.handed == "value")
        return {"theta": theta, "sample": handed_sample(self.handed), "temperature": heat_of(self)}


def _taken(convention: Convention) -> str:
    return f"{convention.takes}{PASSED_WORDS[convention.passed]}{_TAKEN.get(convention.layout, '')}"


def _returned(convention: SamplerConvention | HandedSampleConvention) -> str:
    counts = "bits" if convention.sites == ("Bernoulli",) else f"counts ({', '.join(convention.sites)})"
    form = {"one-hot": "one-hot vectors", "index": "indices"}.get(convention.returns, counts)
    if convention.item is None:
        return form
    return f"{form} (entry {convention.item} of {'a tuple' if isinstance(convention.item, int) else 'several'})"


@dataclass(frozen=True)
class ForeignSampler(Adapter):
    """A foreign sampler, or a rule that is handed a sample, at every site of a program.

    The gradient of f(x) at foreign samples x, by whatever derivative they carry: biased or not is for verification to say.
    Whether a sample carries a gradient is seen at each site, before its type is changed. Global random state is forked and
    seeded from the generator, forward and backward. Cost: one evaluation and its derivative.

    Args:
        target: The foreign callable, class or autograd Function.
        convention: How it is used; see `adapt`.

    Example:
        >>> import torch
        >>> from torch.distributions import OneHotCategorical
        >>> rule = SamplerConvention((("", "theta"),), "logits", returns="one-hot", sites=("OneHotCategorical",))
        >>> estimator = ForeignSampler(torch.nn.functional.gumbel_softmax, rule)
        >>> program = lambda params, sample: sample(OneHotCategorical(logits=params))[:, 0]
        >>> estimator(program, torch.zeros(3), 5, torch.Generator()).shape
        torch.Size([5, 3])
    """

    convention: SamplerConvention | HandedSampleConvention

    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1

    @property
    def sites(self) -> tuple[type[Distribution], ...]:
        """The sites that its samples can stand for."""
        return tuple(SITES[each] for each in self.convention.sites)

    @property
    def forward(self) -> str:
        """Whether its samples are to have their site's law."""
        return "relaxed" if self.convention.relaxed else "law"

    def objective(self, program: Program, rows: Tensor, generator: torch.Generator) -> Tensor:
        """The objective of its samples, one a row of parameters ``[rows, *param]``, without a gradient."""
        primitive = _Primitive(fresh(self.target), self.convention, len(rows), generator)
        with forked(generator, primitive.target), torch.no_grad():
            return evaluate(program, rows.detach(), primitive.sample)

    def _run(self, target: Any, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        with forked(generator, target):
            leaf = row_leaf(params, rows)
            objective = evaluate(program, leaf, _Primitive(target, self.convention, rows, generator).sample)
            return row_gradients(objective, leaf)


@dataclass(eq=False)
class _Primitive:
    """The sampling primitive of one run."""

    target: Any
    convention: SamplerConvention | HandedSampleConvention
    rows: int
    generator: torch.Generator
    count: int = 0

    @property
    def sample(self) -> Sample:
        """Draws a site by foreign code."""
        return self._drawn

    def _drawn(self, distribution: Distribution) -> Tensor:
        name = type(distribution).__name__
        if name not in self.convention.sites:
            known = ", ".join(self.convention.sites)
            raise UnsupportedSiteError(f"site {self.count}: {name} is not supported; its samples are {known} samples")
        counted = self.convention.returns == "value" and name != "Bernoulli"
        value = self._counts(distribution) if counted else self._categories(site_of(distribution, self.rows))
        self.count += 1
        return value

    def _categories(self, site: Site) -> Tensor:
        """Samples of a site with categories: what the convention takes of it, in two dimensions, and back."""
        convention = self.convention
        bits = convention.returns == "value"
        theta = _bit_parameter(site, convention.takes) if bits else _category_parameter(site, convention.takes)
        flat = theta.reshape(self.rows, -1) if bits else theta.reshape(-1, theta.shape[-1])
        filled = self._filled(flat)
        if isinstance(convention, HandedSampleConvention):
            filled["sample"] = _handed(site, draw(site.detach(), self.generator), convention.handed).reshape(
                flat.shape if convention.handed != "index" else flat.shape[:-1]
            )
        found = self._asked(filled, site.dtype)
        if convention.returns == "one-hot":
            return site.from_one_hot(_shaped(found, flat.shape).reshape(theta.shape))
        shape = flat.shape if bits else flat.shape[:-1]
        return _shaped(found, shape).reshape(site.shape)

    def _counts(self, distribution: Any) -> Tensor:
        """Samples of a count's distribution, from its own parameter."""
        theta = distribution.rate if type(distribution) is Poisson else distribution.probs
        flat = theta.reshape(self.rows, -1)
        filled = self._filled(flat)
        if type(distribution) is Binomial:
            filled["count"] = distribution.total_count.expand(theta.shape).reshape(flat.shape).to(theta.dtype)
        return _shaped(self._asked(filled, theta.dtype), flat.shape).reshape(theta.shape)

    def _filled(self, theta: Tensor) -> dict[str, Any]:
        heat = self.convention.temperature
        return {
            "theta": theta,
            "temperature": None if heat is None else theta.new_tensor(heat),
            "count": 1,
            "generator": self.generator,
        }

    def _asked(self, filled: dict[str, Any], dtype: torch.dtype) -> Tensor:
        """The sample, its gradient path checked before any change of type."""
        found = entry(answer(self.target, self.convention, filled), self.convention)
        if filled["theta"].requires_grad and not found.requires_grad:
            raise NoGradientPathError(
                f"site {self.count}: its {self.convention.takes} require a gradient, the {found.dtype} sample carries none"
            )
        return found.to(filled["theta"].device, dtype)


def _category_parameter(site: Site, takes: str) -> Tensor:
    return site.probabilities() if takes == "probs" else site.log_probabilities()


def _bit_parameter(site: Site, takes: str) -> Tensor:
    if takes == "probs":
        return site.probs
    logs = site.log_probabilities()
    return logs[..., 1] - logs[..., 0]


def _handed(site: Site, index: Tensor, form: str) -> Tensor:
    if form == "one-hot":
        return one_hot(site, index)
    return index.long() if form == "index" else site.from_index(index)


def _shaped(found: Tensor, expected: torch.Size) -> Tensor:
    """The tensor in the shape expected; dimensions of one may be missing or be too many."""
    if [size for size in found.shape if size != 1] == [size for size in expected if size != 1]:
        return found.reshape(expected)
    raise ForeignError(f"it returned shape {tuple(found.shape)}; expected {tuple(expected)}, as when it was probed")
