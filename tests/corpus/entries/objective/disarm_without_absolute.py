"""DisARM with sigma(-phi) where sigma(|phi|) belongs: a coordinate with phi > 0 shrinks by exp(-phi).

Scale and angle from that formula and the exact gradient.
"""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.9340477, "angle": 9.0536}


def target(f, logits):
    phi = logits.detach()
    u = torch.rand_like(phi)
    one, two = (u > torch.sigmoid(-phi)).to(phi), (u < torch.sigmoid(phi)).to(phi)
    return 0.5 * (f(one) - f(two)).unsqueeze(-1) * (one - two) * torch.sigmoid(-phi)
