"""The block that every network of relational inference is built from."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MLP", "initialise"]

_BIAS = 0.1


class MLP(nn.Module):
    """Linear, ELU, dropout, Linear, ELU, then batch normalisation over batch and items together.

    Weights are Xavier-normal, biases 0.1.

    Args:
        inputs: The number of input features.
        hidden: The number of hidden and output features.
        dropout: The probability of dropping a feature in training.
    """

    def __init__(self, inputs: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.first = initialise(nn.Linear(inputs, hidden))
        self.second = initialise(nn.Linear(hidden, hidden))
        self.norm = nn.BatchNorm1d(hidden)
        self.dropout = dropout

    def forward(self, values: Tensor) -> Tensor:
        """Map ``[B, items, inputs]`` to ``[B, items, hidden]``."""
        between = functional.dropout(functional.elu(self.first(values)), self.dropout, self.training)
        after: Tensor = functional.elu(self.second(between))
        normed: Tensor = self.norm(after.flatten(0, -2))
        return normed.view_as(after)


def initialise(layer: nn.Linear) -> nn.Linear:
    """Set Xavier-normal weights and biases of 0.1, and return the layer."""
    nn.init.xavier_normal_(layer.weight)
    nn.init.constant_(layer.bias, _BIAS)
    return layer
