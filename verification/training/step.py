"""Training code as it is: a target whose own gradient is judged, and a problem on which estimators run."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from ...estimators.adapters.randomness import fork_randomness
from ...estimators.protocol import ALL_SITES, Claims, NoGradientPathError, Program
from ..problems.problem import Problem, ReferenceName
from .intercepted_program import InterceptedProgram, kept_buffers, read_scalar
from .interception import Interception, Substitution, watched_distributions
from .laws import Draw, StandardUniform, UnseenRandomnessError
from .named_parameters import NamedParameters, Parameters, read_parameters

__all__ = ["TrainingStep"]

MOST_DIFFERENCES = 50
"""The parameters at most of a step that draws continuous noise, which is judged by differences."""

MOST_PARAMETERS = 2000
"""The parameters of a step at most: every replicate is one row of as many numbers."""


@dataclass(frozen=True, eq=False, repr=False)
class TrainingStep:
    r"""A step of training as it is written: a loss that draws at random, and its parameters.

    As a target, it is judged by its own gradient: the loss is called as it is, once a replicate, and differentiated. As a
    problem, its draws become sampling sites by interception, and the truth is the gradient of

    .. math:: \nabla_\theta \, \mathbb{E}_\theta[\text{objective}]

    with every draw from its exact law: a relaxation such as ``F.gumbel_softmax`` draws the one-hot vector that it relaxes.
    `torch.distributions`, ``torch.bernoulli``, ``multinomial``, ``rand``, ``randn``, ``normal``, ``F.dropout`` and
    ``F.gumbel_softmax`` are intercepted. Other randomness is named with its file and line, never guessed.

    Cost: one forward and backward pass a replicate; the reference runs one pass more than a run has draws, for all rows at once
    by `torch.func.vmap` where the code allows it.

    Args:
        loss: A function without arguments that runs the code once and returns the scalar that ``backward`` would be called on,
            a tuple that begins with it, or a dictionary with ``loss``.
        parameters: A module, a mapping from names to tensors, or tensors: what the loss is differentiated in.
        objective: A function without arguments that returns what is minimised in expectation; the loss itself if None. A loss
            whose value is not what is minimised, such as ``log_prob * advantage``, needs one.
        maximize_objective: True if the objective is maximised.
        name: The name of the problem.

    Raises:
        ValueError: A parameter is no leaf that requires a gradient, or there are too many.

    Example:
        >>> import torch
        >>> logit = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
        >>> def loss():
        ...     policy = torch.distributions.Bernoulli(logits=logit)
        ...     action = policy.sample()
        ...     return policy.log_prob(action) * (action - 0.4) ** 2
        >>> def cost():
        ...     return (torch.distributions.Bernoulli(logits=logit).sample() - 0.4) ** 2
        >>> from gradverify.verification import verify
        >>> verify(TrainingStep(loss, logit, objective=cost)).cells[-1].find("bias").outcome
        'unbiased'
    """

    loss: Callable[[], Any]
    parameters: Parameters
    objective: Callable[[], Any] | None = None
    maximize_objective: bool = False
    name: str = ""

    claims: ClassVar[Claims] = Claims()
    sites: ClassVar[tuple[type[Distribution], ...]] = (*ALL_SITES, StandardUniform)
    evaluations: ClassVar[int | None] = None
    one_call_a_row: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name, code in (("loss", self.loss), ("objective", self.objective)):
            if code is not None and not callable(code):
                raise ValueError(f"{name} is a {type(code).__name__}; expected a function without arguments that runs the code")
        if self.maximize_objective and self.objective is None:
            raise ValueError("maximize_objective was given without an objective; the loss itself is always minimised")
        size = self._named.flatten().numel()
        if size > MOST_PARAMETERS:
            raise ValueError(
                f"{size} parameters; a step may have {MOST_PARAMETERS} at most, because every replicate is a row of as many "
                "numbers. Give the parameters of one layer, or a smaller model of the same kind"
            )

    def __repr__(self) -> str:
        """Return the step's name, by which reports know it."""
        return self._own_name

    @property
    def _own_name(self) -> str:
        name = self.name or getattr(self.loss, "__name__", "") or type(self.loss).__name__
        return "training_step" if name == "<lambda>" else name

    @cached_property
    def _named(self) -> NamedParameters:
        return read_parameters(self.parameters)

    @cached_property
    def problem(self) -> Problem:
        """The step as a problem: its parameters as one vector ``[d]``, its draws as sampling sites.

        Raises:
            ValueError: The code draws nothing, or draws what is not intercepted; it returns no scalar; or it takes the
                log-probability of its own draws, so that its value is not what is minimised, and no objective was given.
        """
        code = self.loss if self.objective is None else self.objective
        self._require_value(code)
        program = InterceptedProgram.of(code, self._named, -1.0 if self.maximize_objective else 1.0)
        params = self._named.flatten()
        if program.draws_noise and params.numel() > MOST_DIFFERENCES:
            raise ValueError(
                f"{params.numel()} parameters and continuous noise; expected {MOST_DIFFERENCES} at most, because a comparison "
                "with a random number hides a law that differences alone see. Give the parameters of one layer"
            )
        # A comparison such as torch.rand(()) < p hides a law from derivatives, and differences with held noise see it. They are
        # drawn beside the likelihood ratio; where rows are dear, they decide, and can refute but not support.
        reference: ReferenceName | None = "finite difference" if program.draws_noise and program.reason else None
        return Problem(
            name=self._own_name,
            program=program,
            params=params,
            reference=reference,
            dear_rows=program.reason,
            black_box=bool(program.reason) or program.draws_whole,
        )

    @property
    def draws_noise(self) -> bool:
        """True if the objective draws numbers of a continuous law, so that its references must be seen to agree."""
        program = self.problem.program
        return isinstance(program, InterceptedProgram) and program.draws_noise

    @cached_property
    def parts(self) -> tuple[TrainingStep, ...]:
        """The step for each of its tensors, with a problem of its own: a large gradient may hide a small one that is wrong."""
        named, own = self._named, self._own_name
        if len(named.names) == 1:
            return (self,)
        pairs = zip(named.names, named.tensors, strict=True)
        return tuple(
            replace(self, parameters=replace(named, names=(name,), tensors=(tensor,)), name=f"{own}/{name}")
            for name, tensor in pairs
        )

    def __getitem__(self, name: str) -> TrainingStep:
        """Return the step for the tensor of a name.

        Raises:
            KeyError: There is no such tensor.
        """
        return dict(zip(self._named.names, self.parts, strict=True))[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tensors."""
        return self._named.names

    def concerns(self, problem: Problem) -> bool:
        """Return True if a problem is the step's own: it can be judged on no other."""
        return problem.name == self.problem.name

    def name_of(self, coordinate: int) -> str:
        """Return the name of a coordinate of the vector, as ``encoder.weight[2, 0]``."""
        return self._named.name_of(coordinate)

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates of the gradient of the loss, ``[num_samples, d]``; the program is not used.

        Raises:
            NoGradientPathError: No parameter gets a gradient.
            ValueError: The loss changes its parameters.
        """
        named, point = self._named, params.detach().to(self._named.tensors[0])
        moved = not torch.equal(point, named.flatten())
        leaves = tuple(part.requires_grad_() for part in named.split(point.clone()).values()) if moved else named.tensors
        stands = (
            Substitution({id(own): leaf for own, leaf in zip(named.tensors, leaves, strict=True)}) if moved else nullcontext()
        )
        seeds = torch.randint(2**62, (num_samples,), generator=generator, device=generator.device).tolist()
        with fork_randomness(generator, self.loss), stands:
            rows = [self._draw_row(seed, leaves) for seed in seeds]
        return torch.stack(rows).to(params.dtype)

    def _draw_row(self, seed: int, leaves: tuple[Tensor, ...]) -> Tensor:
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(seed)
        versions = [tensor._version for tensor in self._named.tensors]
        with kept_buffers(self._named):
            loss = read_scalar(self.loss(), "the loss")
            if [tensor._version for tensor in self._named.tensors] != versions:
                raise ValueError("the loss changes its parameters; leave the optimiser's step out of it")
            if not loss.requires_grad:
                raise NoGradientPathError(
                    "the loss has no gradient in any of the parameters; it is detached or does not use them"
                )
            slopes = torch.autograd.grad(loss, leaves, allow_unused=True)
        if all(slope is None for slope in slopes):
            raise NoGradientPathError("none of the parameters gets a gradient from the loss")
        return self._named.join(slopes).detach()

    def _require_value(self, code: Callable[[], Any]) -> None:
        """Raise a `ValueError` unless the code is a function of draws that are known, and a value that can be minimised."""
        others = _list_other_states()
        program = InterceptedProgram(code, self._named)
        drawn: list[Tensor] = []
        scored = _draw_once(program, drawn)
        if not drawn:
            raise ValueError("the code drew nothing at random; use torch.autograd.gradcheck for it")
        if _list_other_states() != others:
            raise UnseenRandomnessError(
                "the code draws from NumPy's or Python's generator, whose laws are not known here; draw by PyTorch"
            )
        if scored and self.objective is None:
            raise ValueError(
                f"{scored}: the loss takes the log-probability of what it drew, so that its value is not what it minimises; "
                "give objective=..., a function without arguments that returns what is minimised"
            )


def _draw_once(program: InterceptedProgram, drawn: list[Tensor]) -> str:
    """Run the code once, add what it draws to a list, and return the place at which it scores one of its draws."""
    params = program.parameters.flatten()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        while isinstance(reached := program.reach(params, drawn), Draw):
            drawn.append(reached.build(1, *(tensor[None] for tensor in reached.tensors)).sample()[0])
        with watched_distributions() as enter, kept_buffers(program.parameters):
            run = Interception(program.parameters.split(params), drawn)
            with enter(run):
                program.code()
    return run.scored


def _list_other_states() -> tuple[bytes, int, object]:
    state = np.random.get_state(legacy=False)["state"]
    return state["key"].tobytes(), int(state["pos"]), random.getstate()
