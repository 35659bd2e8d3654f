"""Decoders: from trajectories and the edges' types to predicted trajectories.

A decoder's edges are weights ``z [B, N (N - 1), K]``, one-hot or relaxed, so that a gradient can flow into them.
"""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .graphs import gather_senders

__all__ = ["Decoder", "DecoderName", "MLPDecoder", "RecurrentDecoder", "make_decoder"]

DecoderName = Literal["mlp", "rnn"]

_FEATURES = 4


class Decoder(Protocol):
    """A network that predicts along a trajectory that is fed in, and beyond it."""

    def __call__(self, frames: Tensor, edges: Tensor, horizon: int) -> Tensor:
        """Predict the frames 1 .. T - 1, ``[B, N, T - 1, 4]``, each at most ``horizon`` steps after a true one."""
        ...

    def forecast(self, frames: Tensor, edges: Tensor, steps: int) -> Tensor:
        """Predict the ``steps`` frames that follow the given ones, ``[B, N, steps, 4]``."""
        ...


class MLPDecoder(nn.Module):
    """A Markov decoder: it predicts the next state from the current one, by messages of each edge type.

    ``m_j->i = sum_k z_k relu(B_k relu(A_k [x_j, x_i]))``, ``x' = x + Linear(relu(Linear(relu(Linear [x, sum_j m_j->i]))))``.
    The decoder restarts from a true frame every ``horizon`` frames; the restarts are one batch.

    Args:
        hidden: The width, h.
        types: The number of edge types, K.
        skip_first: Whether type 0 sends no message.
        dropout: The dropout probability in messages and output.

    References:
        Kipf, Fetaya, Wang, Welling and Zemel (2018), arXiv 1802.04687.
    """

    def __init__(self, hidden: int, types: int, *, skip_first: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.types = range(int(skip_first), types)
        self.first = nn.ModuleList(nn.Linear(2 * _FEATURES, hidden) for _ in self.types)
        self.second = nn.ModuleList(nn.Linear(hidden, hidden) for _ in self.types)
        self.output = nn.ModuleList((nn.Linear(_FEATURES + hidden, hidden), nn.Linear(hidden, hidden)))
        self.change = nn.Linear(hidden, _FEATURES)
        self.dropout = dropout

    def forward(
        self, frames: Float[Tensor, "batch particles time 4"], edges: Float[Tensor, "batch edges types"], horizon: int
    ) -> Float[Tensor, "batch particles predicted 4"]:
        """Predict the frames 1 .. T - 1, each at most ``horizon`` steps after a true one."""
        targets = frames.shape[2] - 1
        starts = frames[:, :, 0:targets:horizon].transpose(1, 2)
        states = self._roll_out(starts, edges, min(horizon, targets))
        # [steps, B, starts, N, 4] -> [B, N, starts, steps, 4]
        return states.permute(1, 3, 2, 0, 4).flatten(2, 3)[:, :, :targets]

    def forecast(self, frames: Tensor, edges: Tensor, steps: int) -> Tensor:
        """Predict the frames that follow, from the last of those given."""
        return self._roll_out(frames[:, :, -1:].transpose(1, 2), edges, steps)[:, :, 0].permute(1, 2, 0, 3)

    def _roll_out(self, state: Tensor, edges: Tensor, steps: int) -> Tensor:
        """Map ``[B, starts, N, 4]`` to ``[steps, B, starts, N, 4]``."""
        weights = _by_receiver(edges, state.shape[-2]).unsqueeze(1)
        states = []
        for _ in range(steps):
            state = state + self._delta(state, weights)
            states.append(state)
        return torch.stack(states)

    def _delta(self, state: Tensor, weights: Tensor) -> Tensor:
        total = torch.zeros((), device=state.device, dtype=state.dtype)
        for number, kind in enumerate(self.types):
            hidden = functional.dropout(
                functional.relu(_apply_to_pairs(self.first[number], state)), self.dropout, self.training
            )
            message = functional.relu(self.second[number](hidden))
            total = total + _sum_weighted(weights[..., kind], message)
        out = torch.cat((state, total), dim=-1)
        for layer in self.output:
            out = functional.dropout(functional.relu(layer(out)), self.dropout, self.training)
        change: Tensor = self.change(out)
        return change


class RecurrentDecoder(nn.Module):
    """A recurrent decoder: messages between hidden states, a gated update, and a residual prediction.

    Messages are tanh-tanh of both hidden states, weighted by z_k, divided by the number of types in use and by N - 1. The
    update is ``h' = (1 - i) n + i h`` with ``r, i = sigmoid(W x + U m)`` and ``n = tanh(W x + r U m)``. The decoder is fed
    true frames up to the last ``horizon`` steps, and its own predictions from there.

    Args:
        hidden: The width, h.
        types: The number of edge types, K.
        skip_first: Whether type 0 sends no message.
        dropout: The dropout probability in messages and output.
    """

    def __init__(self, hidden: int, types: int, *, skip_first: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.types = range(int(skip_first), types)
        self.hidden = hidden
        self.first = nn.ModuleList(nn.Linear(2 * hidden, hidden) for _ in self.types)
        self.second = nn.ModuleList(nn.Linear(hidden, hidden) for _ in self.types)
        self.inward = nn.Linear(_FEATURES, 3 * hidden)
        self.across = nn.Linear(hidden, 3 * hidden, bias=False)
        self.output = nn.ModuleList((nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)))
        self.change = nn.Linear(hidden, _FEATURES)
        self.dropout = dropout

    def forward(
        self, frames: Float[Tensor, "batch particles time 4"], edges: Float[Tensor, "batch edges types"], horizon: int
    ) -> Float[Tensor, "batch particles predicted 4"]:
        """Predict the frames 1 .. T - 1; the last ``horizon`` of them from predictions."""
        return self._roll_out(frames, edges, frames.shape[2] - horizon, frames.shape[2] - 1)

    def forecast(self, frames: Tensor, edges: Tensor, steps: int) -> Tensor:
        """Predict the frames that follow, after all of those given."""
        given = frames.shape[2]
        return self._roll_out(frames, edges, given, given + steps - 1)[:, :, -steps:]

    def _roll_out(self, frames: Tensor, edges: Tensor, true: int, steps: int) -> Tensor:
        """Predict ``steps`` frames, of which the first ``true`` inputs are the truth; at least one is."""
        weights = _by_receiver(edges, frames.shape[1])
        hidden = frames.new_zeros(*frames.shape[:2], self.hidden)
        predicted: list[Tensor] = []
        for step in range(steps):
            state = frames[:, :, step] if step < max(true, 1) else predicted[-1]
            hidden = self._update(state, hidden, weights)
            predicted.append(state + self._delta(hidden))
        return torch.stack(predicted, dim=2)

    def _update(self, state: Tensor, hidden: Tensor, weights: Tensor) -> Tensor:
        total = torch.zeros((), device=state.device, dtype=state.dtype)
        for number, kind in enumerate(self.types):
            between = functional.dropout(torch.tanh(_apply_to_pairs(self.first[number], hidden)), self.dropout, self.training)
            total = total + _sum_weighted(weights[..., kind], torch.tanh(self.second[number](between)))
        mean = total / (len(self.types) * (state.shape[1] - 1))
        reset_in, keep_in, new_in = self.inward(state).chunk(3, dim=-1)
        reset_across, keep_across, new_across = self.across(mean).chunk(3, dim=-1)
        keep = torch.sigmoid(keep_in + keep_across)
        new = torch.tanh(new_in + torch.sigmoid(reset_in + reset_across) * new_across)
        return torch.lerp(new, hidden, keep)

    def _delta(self, hidden: Tensor) -> Tensor:
        for layer in self.output:
            hidden = functional.dropout(functional.relu(layer(hidden)), self.dropout, self.training)
        change: Tensor = self.change(hidden)
        return change


def make_decoder(
    name: DecoderName, hidden: int, types: int, *, skip_first: bool, dropout: float = 0.0
) -> MLPDecoder | RecurrentDecoder:
    """Return the decoder with the given name."""
    kind = MLPDecoder if name == "mlp" else RecurrentDecoder
    return kind(hidden, types, skip_first=skip_first, dropout=dropout)


def _by_receiver(edges: Tensor, particles: int) -> Tensor:
    """Group ``[B, N (N - 1), K]`` by receiver, ``[B, N, N - 1, K]``."""
    grouped: Tensor = edges.unflatten(1, (particles, particles - 1))
    return grouped


def _apply_to_pairs(layer: nn.Module, nodes: Tensor) -> Tensor:
    """Apply a linear layer to [sender, receiver] at every edge, ``[..., N, N - 1, h]``.

    Both halves are applied to particles and added at edges, which takes N - 1 times fewer multiplications than at the edges.
    """
    of_sender, of_receiver = layer.weight.chunk(2, dim=1)  # type: ignore[operator]
    arriving = gather_senders(functional.linear(nodes, of_sender))
    return arriving + functional.linear(nodes, of_receiver, layer.bias).unsqueeze(-2)  # type: ignore[arg-type]


def _sum_weighted(weights: Tensor, messages: Tensor) -> Tensor:
    """Sum weighted messages over senders, ``[..., N, h]``."""
    return (weights.unsqueeze(-1) * messages).sum(-2)
