"""The block that every network of the study is built from."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MLP", "initialise"]

_BIAS = 0.1


class MLP(nn.Module):
    """Linear, ELU, dropout, Linear, ELU, then batch normalisation over batch and items together.

    Weights are Xavier-normal, biases 0.1.

    Args:
        inputs: Features in.
        hidden: Features between and out.
        dropout: Probability of dropping a feature in training.
    """

    def __init__(self, inputs: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.first = initialise(nn.Linear(inputs, hidden))
        self.second = initialise(nn.Linear(hidden, hidden))
        self.norm = nn.BatchNorm1d(hidden)
        self.dropout = dropout

    def forward(self, values: Tensor) -> Tensor:
        """``[B, items, inputs]`` to ``[B, items, hidden]``."""
        between = functional.dropout(functional.elu(self.first(values)), self.dropout, self.training)
        after: Tensor = functional.elu(self.second(between))
        normed: Tensor = self.norm(after.flatten(0, -2))
        return normed.view_as(after)


def initialise(layer: nn.Linear) -> nn.Linear:
    """The layer with Xavier-normal weights and biases of 0.1."""
    nn.init.xavier_normal_(layer.weight)
    nn.init.constant_(layer.bias, _BIAS)
    return layer
