"""Foreign samplers: two conventions, and the estimator that draws a program's samples with foreign code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Binomial, Categorical, Distribution, Geometric, OneHotCategorical, Poisson

from ..protocol import NoGradientPathError, Program, Sample, UnsupportedSiteError, evaluate, row_gradients, row_leaf
from ..runs.relaxed import one_hot
from ..runs.tape import draw
from ..sites.reading import FiniteSite, finite_site_of
from .adapter import Adapter
from .answers import pick_tensor
from .calling import call_target
from .convention import PASSED_WORDS, Convention, ForeignError
from .copying import copy_target
from .randomness import fork_randomness
from .reading import BINOMIAL_TRIALS, EVERY
from .site_logits import read_parameter
from .trial import FEW_ROWS, PROBE_ROWS, make_parameters, make_samples, make_temperature

__all__ = ["SITES", "ForeignSampler", "HandedSampleConvention", "SamplerConvention"]

SITES: dict[str, type[Distribution]] = {
    site.__name__: site for site in (Bernoulli, Categorical, OneHotCategorical, Binomial, Geometric, Poisson)
}
"""The sites by the names that stand in a convention."""


_UNIT_WORDS = {"vectors": ", one vector at a time", "numbers": ", one number at a time"}


@dataclass(frozen=True, repr=False)
class SamplerConvention(Convention):
    """The convention of a sampler: a function of parameters that returns samples, or a class with ``rsample``.

    Attributes:
        returns: The form of its samples: ``one-hot``, ``index`` or ``value``.
        sites: The names of the distributions whose samples it can draw.
        relaxed: True if its samples lie between the points of the support.

    Example:
        >>> SamplerConvention((("", "theta"),), "logits", returns="index", item=0).sentence()
        'found to be a sampler: takes logits, returns indices (entry 0 of a tuple); objective: discrete'
    """

    kind: ClassVar[str] = "sampler"

    returns: str = ""
    sites: tuple[str, ...] = ()
    relaxed: bool = False

    def sentence(self) -> str:
        """Describe the convention in one sentence for a report."""
        returned = f"returns {'relaxed ' * self.relaxed}{_describe_samples(self)}"
        return self._write_sentence("a sampler", [f"takes {_describe_parameters(self)}", returned])

    def adapt(self, target: Any) -> ForeignSampler:
        """Return the estimator that draws samples with a target."""
        return ForeignSampler(target, self)

    def fill_trial(self) -> dict[str, Any]:
        """Return the probing law, and the number of samples or of a binomial's trials."""
        bits = self.returns == "value" and self.sites == ("Bernoulli",)
        theta = make_parameters(self.takes, bits=bits, rows=PROBE_ROWS if self.layout == "rows" else FEW_ROWS)
        count = torch.full_like(theta, BINOMIAL_TRIALS) if self.sites == ("Binomial",) else 1
        return {"theta": theta, "count": count, "temperature": make_temperature(self)}


@dataclass(frozen=True, repr=False)
class HandedSampleConvention(Convention):
    """The convention of a rule that is handed a sample and returns it with a gradient attached.

    Attributes:
        handed: The form of the sample: ``one-hot``, ``index`` or ``value``.
    """

    kind: ClassVar[str] = "handed a sample"

    handed: str = "one-hot"

    @property
    def returns(self) -> str:
        """The form of its result, which is the form of the sample."""
        return self.handed

    @property
    def sites(self) -> tuple[str, ...]:
        """The names of the distributions whose samples it can be handed."""
        sites = {"one-hot": EVERY, "index": tuple(name for name in EVERY if name != "OneHotCategorical")}
        return sites.get(self.handed, ("Bernoulli",))

    def sentence(self) -> str:
        """Describe the convention in one sentence for a report."""
        samples = {"one-hot": "one-hot vectors", "index": "indices", "value": "bits"}[self.handed]
        parts = [f"takes {samples} and {_describe_parameters(self)}", f"returns {_describe_samples(self)}"]
        return self._write_sentence("a rule for samples that it is handed", parts)

    def adapt(self, target: Any) -> ForeignSampler:
        """Return the estimator that draws samples and hands them to a target."""
        return ForeignSampler(target, self)

    def fill_trial(self) -> dict[str, Any]:
        """Return the probing law and samples with that law."""
        theta = make_parameters(self.takes, bits=self.handed == "value")
        return {"theta": theta, "sample": make_samples(self.handed), "temperature": make_temperature(self)}


def _describe_parameters(convention: Convention) -> str:
    """Describe the parameters of one call."""
    return f"{convention.takes}{PASSED_WORDS[convention.passed]}{_UNIT_WORDS.get(convention.layout, '')}"


def _describe_samples(convention: SamplerConvention | HandedSampleConvention) -> str:
    """Describe the samples and their place in the result."""
    counts = "bits" if convention.sites == ("Bernoulli",) else f"counts ({', '.join(convention.sites)})"
    form = {"one-hot": "one-hot vectors", "index": "indices"}.get(convention.returns, counts)
    if convention.item is None:
        return form
    return f"{form} (entry {convention.item} of {'a tuple' if isinstance(convention.item, int) else 'the result'})"


@dataclass(frozen=True)
class ForeignSampler(Adapter):
    """An estimator that calls a foreign sampler, or a rule for samples, at every site of a program.

    The estimate is the gradient of f(x) at foreign samples x, through the derivative that they carry. Verification decides
    whether it is biased. Each site checks that its sample carries a gradient before the type of the sample changes. Global
    random state is forked and seeded from the generator, forward and backward. Cost: one evaluation and its derivative.

    Args:
        target: The foreign callable, class or autograd Function.
        convention: The convention that it follows; see `find_convention`.

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
        """The sites at which it can draw samples."""
        return tuple(SITES[name] for name in self.convention.sites)

    @property
    def forward(self) -> str:
        """The kind of its samples: ``law`` if they have the law of their site, ``relaxed`` if they are relaxed."""
        return "relaxed" if self.convention.relaxed else "law"

    def evaluate_samples(self, program: Program, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return the objective of its samples for each row of parameters ``[rows, *param]``, without a gradient."""
        primitive = _Primitive(copy_target(self.target), self.convention, len(rows), generator, detached=True)
        # The graph of the program leads to the logits that it gave; foreign code is handed them without it.
        with fork_randomness(generator, primitive.target), torch.enable_grad():
            return evaluate(program, rows.detach().requires_grad_(), primitive.sample).detach()

    def _run(self, target: Any, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        with fork_randomness(generator, target):
            leaf = row_leaf(params, rows)
            objective = evaluate(program, leaf, _Primitive(target, self.convention, rows, generator).sample)
            return row_gradients(objective, leaf)


@dataclass(eq=False)
class _Primitive:
    """The sampling primitive of one run.

    Attributes:
        target: The foreign code.
        convention: The convention that it follows.
        rows: The number of rows.
        generator: The generator to draw from.
        detached: True if no gradient is wanted.
        count: The number of sites drawn so far.
    """

    target: Any
    convention: SamplerConvention | HandedSampleConvention
    rows: int
    generator: torch.Generator
    detached: bool = False
    count: int = 0

    @property
    def sample(self) -> Sample:
        """The function that draws the sample of a site with foreign code."""
        return self._draw

    def _draw(self, distribution: Distribution) -> Tensor:
        """Draw the sample of one site."""
        name = type(distribution).__name__
        if name not in self.convention.sites:
            known = ", ".join(self.convention.sites)
            raise UnsupportedSiteError(f"site {self.count}: {name} is not supported; its samples are {known} samples")
        counted = self.convention.returns == "value" and name != "Bernoulli"
        value = self._draw_counts(distribution) if counted else self._draw_categories(distribution)
        self.count += 1
        return value

    def _draw_categories(self, distribution: Distribution) -> Tensor:
        """Draw the sample of a site with categories, in two dimensions, and reshape it."""
        site, convention = finite_site_of(distribution, self.rows), self.convention
        bits = convention.returns == "value"
        theta = read_parameter(distribution, site, convention.takes, bits=bits)
        flat = theta.reshape(self.rows, -1) if bits else theta.reshape(-1, theta.shape[-1])
        filled = self._fill(flat)
        if isinstance(convention, HandedSampleConvention):
            filled["sample"] = _make_sample(site, draw(site.detach(), self.generator), convention.handed).reshape(
                flat.shape if convention.handed != "index" else flat.shape[:-1]
            )
        value = self._call(filled, site.dtype)
        if convention.returns == "one-hot":
            return site.from_one_hot(_reshape(value, flat.shape).reshape(theta.shape))
        shape = flat.shape if bits else flat.shape[:-1]
        return _reshape(value, shape).reshape(site.shape)

    def _draw_counts(self, distribution: Any) -> Tensor:
        """Draw the sample of a distribution of counts from its own parameter."""
        theta = distribution.rate if type(distribution) is Poisson else distribution.probs
        flat = theta.reshape(self.rows, -1)
        filled = self._fill(flat)
        if type(distribution) is Binomial:
            filled["count"] = distribution.total_count.expand(theta.shape).reshape(flat.shape).to(theta.dtype)
        return _reshape(self._call(filled, theta.dtype), flat.shape).reshape(theta.shape)

    def _fill(self, theta: Tensor) -> dict[str, Any]:
        """Return the values to pass, by role."""
        heat = self.convention.temperature
        return {
            "theta": theta.detach() if self.detached else theta,
            "temperature": None if heat is None else theta.new_tensor(heat),
            "count": 1,
            "generator": self.generator,
        }

    def _call(self, filled: dict[str, Any], dtype: torch.dtype) -> Tensor:
        """Call the target, and check the sample's gradient path before its type changes."""
        value = pick_tensor(call_target(self.target, self.convention, filled), self.convention)
        if filled["theta"].requires_grad and not value.requires_grad:
            raise NoGradientPathError(
                f"site {self.count}: its {self.convention.takes} require a gradient, the {value.dtype} sample carries none"
            )
        return value.to(filled["theta"].device, dtype)


def _make_sample(site: FiniteSite, index: Tensor, form: str) -> Tensor:
    """Convert drawn indices to the form in which a rule is handed them."""
    if form == "one-hot":
        return one_hot(site, index)
    return index.long() if form == "index" else site.from_index(index)


def _reshape(value: Tensor, expected: torch.Size) -> Tensor:
    """Reshape a tensor to the expected shape; only dimensions of size one may differ."""
    if [size for size in value.shape if size != 1] == [size for size in expected if size != 1]:
        return value.reshape(expected)
    raise ForeignError(f"it returned shape {tuple(value.shape)}; expected {tuple(expected)}, as when it was probed")
