"""Foreign code of every convention, as its authors would write it: nothing here knows this package."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical
from torch.nn import functional


class BitFunction(torch.autograd.Function):
    """A bit of a probability; straight-through."""

    @staticmethod
    def forward(ctx: Any, p: Tensor) -> Tensor:
        return torch.bernoulli(p)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        return grad[0]


class HalfBits(BitFunction):
    """The planted bug: half of the ones are missing."""

    @staticmethod
    def forward(ctx: Any, p: Tensor) -> Tensor:
        return torch.bernoulli(0.5 * p)


class CountFunction(torch.autograd.Function):
    """Failures before a success, by inversion; its derivative is that of the mean."""

    @staticmethod
    def forward(ctx: Any, p: Tensor) -> Tensor:
        ctx.save_for_backward(p)
        return (torch.rand_like(p).log() / torch.log1p(-p)).floor()

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        (p,) = ctx.saved_tensors
        return -grad[0] / p**2


class BinomialFunction(torch.autograd.Function):
    """Successes in n trials."""

    @staticmethod
    def forward(ctx: Any, n: Tensor, p: Tensor) -> Tensor:
        ctx.save_for_backward(n)
        return torch.binomial(n, p)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[None, Tensor]:
        return None, grad[0] * ctx.saved_tensors[0]


class OneHotFunction(torch.autograd.Function):
    """A one-hot vector, written in the newer style."""

    @staticmethod
    def forward(probs: Tensor) -> Tensor:  # type: ignore[override]
        return functional.one_hot(torch.multinomial(probs, 1).squeeze(-1), probs.shape[-1]).to(probs)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing to keep."""

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        return grad[0]


class IndexFunction(torch.autograd.Function):
    """An integer index, which ends every gradient, whatever its backward says."""

    @staticmethod
    def forward(ctx: Any, probs: Tensor) -> Tensor:
        ctx.save_for_backward(probs)
        return torch.multinomial(probs, 1)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        return grad[0].expand_as(ctx.saved_tensors[0])


def one_hot_of_logits(logits: Tensor) -> Tensor:
    """Straight-through Gumbel-Softmax."""
    return functional.gumbel_softmax(logits, hard=True)


def one_hot_of_probs(weights: Tensor) -> Tensor:
    """Straight-through on probabilities, its argument without a telling name."""
    z = functional.one_hot(torch.multinomial(weights, 1).squeeze(-1), weights.shape[-1]).to(weights)
    return z + weights - weights.detach()


def float_index(probs: Tensor) -> Tensor:
    """An index with the derivative of the mean index."""
    mean = probs @ torch.arange(probs.shape[-1]).to(probs)
    return torch.multinomial(probs, 1).squeeze(-1) + mean - mean.detach()


def sample_and_probs(logits: Tensor) -> tuple[Tensor, Tensor]:
    """A tuple with one sample."""
    return one_hot_of_logits(logits), logits.softmax(-1)


def one_hot_and_index(logits: Tensor) -> tuple[Tensor, Tensor]:
    """A tuple with two samples, of which one carries a gradient."""
    z = one_hot_of_logits(logits)
    return z, z.argmax(-1)


def soft_and_hard(logits: Tensor, tau: float) -> tuple[Tensor, Tensor]:
    """A tuple with a relaxed sample and a hard one."""
    soft = functional.gumbel_softmax(logits, tau)
    hard = functional.one_hot(soft.argmax(-1), soft.shape[-1]).to(soft)
    return soft, hard + soft - soft.detach()


def bits_of_logits(x: Tensor) -> Tensor:
    """Bits of logits, straight-through the sigmoid, in single precision."""
    p = torch.sigmoid(x)
    return (torch.bernoulli(p) + p - p.detach()).float()


def handed_first(z: Tensor, probs: Tensor) -> Tensor:
    """Straight-through, handed the sample first."""
    return z + probs - probs.detach()


def handed_second(logits: Tensor, z: Tensor) -> Tensor:
    """Straight-through the softmax, handed the sample second."""
    p = logits.softmax(-1)
    return z + p - p.detach()


def handed_unsaid(z: Tensor, t: Tensor) -> Tensor:
    """Straight-through on probabilities or logits alike."""
    return z + t - t.detach()


class WithShape:
    """A class in the manner of torch.distributions, whose rsample wants a shape."""

    def __init__(self, logits: Tensor, temperature: float) -> None:
        self.logits, self.temperature = logits, temperature

    def rsample(self, sample_shape: torch.Size) -> Tensor:
        logits = self.logits.expand(*sample_shape, *self.logits.shape)
        return functional.gumbel_softmax(logits, float(self.temperature), hard=True)


class WithoutShape:
    """One whose rsample takes nothing."""

    def __init__(self, probs: Tensor) -> None:
        self.probs = probs

    def rsample(self) -> Tensor:
        return one_hot_of_probs(self.probs)


def reinforce_rows(f: Any, logits: Tensor) -> Tensor:
    """A surrogate, one a row, whose value is not the objective."""
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    return f(z).detach() * law.log_prob(z)


def reinforce_mean(logits: Tensor, f: Any) -> Tensor:
    """A surrogate, the mean of a batch."""
    return reinforce_rows(f, logits).mean()


def reinforce_sum(logits: Tensor, f: Any) -> Tensor:
    """A surrogate, summed over a batch."""
    return reinforce_rows(f, logits).sum()


class MagicBox(torch.nn.Module):
    """A surrogate module with the right forward value (DiCE), on probabilities and indices."""

    def forward(self, f: Any, probs: Tensor) -> Tensor:
        law = Categorical(probs=probs)
        index = law.sample()
        log_prob = law.log_prob(index)
        return f(index) * torch.exp(log_prob - log_prob.detach())


class MovingBaseline(torch.nn.Module):
    """A surrogate with a baseline that follows the objectives of earlier calls."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("baseline", torch.zeros((), dtype=torch.float64))

    def forward(self, f: Any, logits: Tensor) -> Tensor:
        law = Bernoulli(logits=logits)
        bits = law.sample()
        cost = f(bits)
        advantage = (cost - self.baseline).detach()
        self.baseline = 0.5 * self.baseline + 0.5 * cost.mean()  # type: ignore[has-type]
        return advantage * law.log_prob(bits).sum(-1)


def leave_one_out(f: Any, logits: Tensor, num_samples: int) -> Tensor:
    """Gradients from n samples a row, of shape (n, B, K) when it calls f; two at least, or it divides by zero."""
    law = OneHotCategorical(logits=logits.detach())
    z = law.sample((num_samples,))
    cost = f(z)
    advantage = (cost - cost.mean(0)) / (num_samples - 1)
    return (advantage.unsqueeze(-1) * (z - law.probs)).sum(0)


def single_precision(f: Any, logits: Tensor) -> Tensor:
    """Gradients that call f with (B, K) one-hots in float32."""
    p = logits.detach().softmax(-1)
    z = functional.one_hot(torch.multinomial(p, 1).squeeze(-1), p.shape[-1]).float()
    return f(z).unsqueeze(-1) * (z - p)


def arm(f: Any, logits: Tensor) -> Tensor:
    """ARM for bits: f at antithetic pairs."""
    u = torch.rand_like(logits)
    p = torch.sigmoid(logits.detach())
    return (f((u > 1 - p).to(p)) - f((u < p).to(p))).unsqueeze(-1) * (u - 0.5)


def batch_baseline(f: Any, logits: Tensor) -> Tensor:
    """Rows tied by a baseline from the other rows of the batch."""
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    cost = f(z).detach()
    others = (cost.sum() - cost) / (len(cost) - 1)
    return (cost - others) * law.log_prob(z)


def raw(theta: Tensor, f: Any, N: int, generator: torch.Generator) -> Tensor:
    """N gradients in the logits of one point."""
    p = theta.detach().softmax(-1)
    z = functional.one_hot(torch.multinomial(p, N, replacement=True, generator=generator), len(p)).to(p)
    return f(z).unsqueeze(-1) * (z - p)


def raw_mean(theta: Tensor, f: Any, N: int) -> Tensor:
    """One gradient from N samples, two at least."""
    p = theta.detach().softmax(-1)
    z = functional.one_hot(torch.multinomial(p, N, replacement=True), len(p)).to(p)
    cost = f(z)
    return ((cost - cost.mean()).unsqueeze(-1) * (z - p)).sum(0) / (N - 1)


def mean_of_batch(f: Any, logits: Tensor) -> Tensor:
    """The gradients of a batch's mean loss."""
    theta = logits.detach().requires_grad_()
    return torch.autograd.grad(reinforce_mean(theta, f), theta)[0]


def one_point(f: Any, logits: Tensor, n: int) -> Tensor:
    """The gradient in one point, from n samples; it happens to run on a batch."""
    theta = logits.detach().requires_grad_()
    law = OneHotCategorical(logits=theta)
    z = law.sample((n,))
    return torch.autograd.grad((f(z).detach() * law.log_prob(z)).mean(), theta)[0]


def guarded_pairs(f: Any, logits: Tensor, n: int) -> Tensor:
    """Leave-one-out in one point, zero for one sample; on a batch, its baseline would mix the rows."""
    theta = logits.detach().requires_grad_()
    law = OneHotCategorical(logits=theta)
    z = law.sample((n,))
    cost = f(z).detach()
    advantage = (cost - cost.mean()) * n / max(n - 1, 1)
    return torch.autograd.grad((advantage * law.log_prob(z)).mean(), theta)[0]


def guarded_batch(f: Any, logits: Tensor, n: int) -> Tensor:
    """Leave-one-out in every row of a batch, zero for one sample."""
    p = logits.detach().softmax(-1)
    z = OneHotCategorical(p).sample((n,))
    cost = f(z)
    return ((cost - cost.mean(0)).unsqueeze(-1) * (z - p)).sum(0) / max(n - 1, 1)


def ten_inside(f: Any, logits: Tensor) -> Tensor:
    """The gradient in one point from ten samples of its own choice, each with the others for a baseline."""
    p = logits.detach().softmax(-1)
    z = OneHotCategorical(p).sample((10,))
    cost = f(z)
    return ((cost - cost.mean()).unsqueeze(-1) * (z - p)).sum(0) / 9


def batch_mean_baseline(f: Any, logits: Tensor) -> Tensor:
    """Gradients of rows whose baseline takes their own cost in: off by -1/B at a batch of B, and zero at one point."""
    p = logits.detach().softmax(-1)
    z = OneHotCategorical(p).sample()
    cost = f(z)
    return (cost - cost.mean()).unsqueeze(-1) * (z - p)


def value_and_surrogate(f: Any, logits: Tensor) -> tuple[Tensor, Tensor]:
    """The objective for a log, and the loss."""
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    cost = f(z).detach()
    return cost, cost * law.log_prob(z)


def gradient_and_score(f: Any, logits: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients, and a log probability that carries a graph and is no loss."""
    return single_precision(f, logits), OneHotCategorical(logits=logits).log_prob(torch.eye(4).to(logits)[0])


def smoothed(logits: Tensor) -> Tensor:
    """Hard samples moved off the corners: relaxed to look at, and they jump."""
    return 0.9 * OneHotCategorical(logits=logits).sample() + 0.1 / logits.shape[-1] + 0 * logits


def numpy_gradient(f: Any, logits: Any) -> Tensor:
    """Gradients computed in NumPy, from NumPy's global generator."""
    p = np.exp(np.asarray(logits))
    p = p / p.sum(-1, keepdims=True)
    index = (np.random.rand(len(p), 1) > p.cumsum(-1)[:, :-1]).sum(-1)
    z = np.eye(p.shape[-1])[index]
    return torch.from_numpy(f(z)[:, None] * (z - p))


def all_categories(f: Any, t: Tensor) -> Tensor:
    """The exact gradient, over all categories: what it calls f with says nothing about what t is."""
    p = t.softmax(-1)
    every = torch.eye(p.shape[-1], dtype=p.dtype).unsqueeze(1).expand(-1, len(p), -1)
    return (p * f(every).detach().T).sum(-1)


def all_categories_of_logits(f: Any, logits: Tensor) -> Tensor:
    """The exact gradient itself, over all categories."""
    p = logits.detach().softmax(-1)
    cost = f(torch.eye(p.shape[-1], dtype=p.dtype).unsqueeze(1).expand(-1, len(p), -1)).detach().T
    return p * (cost - (p * cost).sum(-1, keepdim=True))


def two_ways(t: Tensor) -> tuple[Tensor, Tensor]:
    """Both a one-hot vector and an index carry a gradient."""
    z = one_hot_of_logits(t)
    return z, z @ torch.arange(z.shape[-1]).to(z)


hard_gumbel = functools.partial(functional.gumbel_softmax, hard=True)
