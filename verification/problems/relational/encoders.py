"""Encoders: from trajectories to the logits of every edge's type."""

from __future__ import annotations

import math
from typing import Literal, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .blocks import MLP, initialise
from .graphs import edges_to_nodes, nodes_to_edges

__all__ = ["CNNEncoder", "Encoder", "EncoderName", "MLPEncoder", "make_encoder"]

EncoderName = Literal["mlp", "cnn"]

_FEATURES = 4
_KERNEL = 5


class Encoder(Protocol):
    """A network from trajectories ``[B, N, T, 4]`` to logits ``[B, N (N - 1), K]``."""

    def __call__(self, frames: Tensor) -> Tensor:
        """Return the logits of every edge's type."""
        ...


class MLPEncoder(nn.Module):
    """Two rounds of messages between particles and edges, with a skip from the first edges to the last.

    particles -> MLP -> edges -> MLP (kept) -> particles -> MLP -> edges, the kept ones beside them -> MLP -> Linear(K).

    Args:
        frames: The number of frames, T.
        hidden: The width, h.
        types: The number of edge types, K.
        dropout: The dropout probability of every block.

    References:
        Kipf, Fetaya, Wang, Welling and Zemel (2018), arXiv 1802.04687.
    """

    def __init__(self, frames: int, hidden: int, types: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.nodes = MLP(frames * _FEATURES, hidden, dropout)
        self.edges = MLP(2 * hidden, hidden, dropout)
        self.gathered = MLP(hidden, hidden, dropout)
        self.joined = MLP(3 * hidden, hidden, dropout)
        self.logits = initialise(nn.Linear(hidden, types))

    def forward(self, frames: Float[Tensor, "batch particles time 4"]) -> Float[Tensor, "batch edges types"]:
        """Return the logits of every edge's type."""
        kept = self.edges(nodes_to_edges(self.nodes(frames.flatten(2))))
        return _second_round(self, kept, frames.shape[1])


class CNNEncoder(nn.Module):
    """A convolution over each edge's own pair of trajectories, pooled by attention, then one round of messages.

    The channels of an edge are the sender's and the receiver's (8 x T). They pass Conv(5), ReLU, batch norm, MaxPool(2),
    Conv(5), ReLU and batch norm, then a prediction and an attention (softmax over time), both 1 x 1. The feature is the mean
    over time of the product of these two.

    Args:
        frames: The number of frames, T, at least 14.
        hidden: The width, h.
        types: The number of edge types, K.
        dropout: The dropout probability of every block.

    Raises:
        ValueError: T is too short for the two convolutions.
    """

    def __init__(self, frames: int, hidden: int, types: int, dropout: float = 0.0) -> None:
        super().__init__()
        if frames < 3 * _KERNEL - 1:
            raise ValueError(f"{frames} frames; the CNN encoder needs at least {3 * _KERNEL - 1}")
        self.first = _convolution(2 * _FEATURES, hidden, _KERNEL)
        self.first_norm = nn.BatchNorm1d(hidden)
        self.second = _convolution(hidden, hidden, _KERNEL)
        self.second_norm = nn.BatchNorm1d(hidden)
        self.prediction = _convolution(hidden, hidden, 1)
        self.attention = _convolution(hidden, 1, 1)
        self.edges = MLP(hidden, hidden, dropout)
        self.gathered = MLP(hidden, hidden, dropout)
        self.joined = MLP(3 * hidden, hidden, dropout)
        self.logits = initialise(nn.Linear(hidden, types))
        self.dropout = dropout

    def forward(self, frames: Float[Tensor, "batch particles time 4"]) -> Float[Tensor, "batch edges types"]:
        """Return the logits of every edge's type."""
        batch, particles, time, features = frames.shape
        pairs = nodes_to_edges(frames.flatten(2)).unflatten(-1, (2, time, features))
        channels = pairs.permute(0, 1, 2, 4, 3).reshape(-1, 2 * features, time)
        early = functional.max_pool1d(self.first_norm(functional.relu(self.first(channels))), 2)
        early = functional.dropout(early, self.dropout, self.training)
        late = self.second_norm(functional.relu(self.second(early)))
        pooled = (self.prediction(late) * torch.softmax(self.attention(late), dim=-1)).mean(-1)
        return _second_round(self, self.edges(pooled.unflatten(0, (batch, -1))), particles)


def make_encoder(name: EncoderName, frames: int, hidden: int, types: int, dropout: float = 0.0) -> MLPEncoder | CNNEncoder:
    """Return the encoder with the given name."""
    kind = MLPEncoder if name == "mlp" else CNNEncoder
    return kind(frames, hidden, types, dropout)


def _second_round(network: MLPEncoder | CNNEncoder, kept: Tensor, particles: int) -> Tensor:
    """Pass messages from edges to particles and back, and join the kept edges to the result."""
    nodes = network.gathered(edges_to_nodes(kept, particles) / particles)
    joined = network.joined(torch.cat((nodes_to_edges(nodes), kept), dim=-1))
    logits: Tensor = network.logits(joined)
    return logits


def _convolution(inputs: int, outputs: int, kernel: int) -> nn.Conv1d:
    layer = nn.Conv1d(inputs, outputs, kernel)
    nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / (kernel * outputs)))
    assert layer.bias is not None
    nn.init.constant_(layer.bias, 0.1)
    return layer
