"""SPSA whose perturbations are not centred: each is 0 or 0.2, and the difference is scaled by the step for all coordinates.

Each coordinate of the mean is a quarter of itself and a quarter of the sum of all, nearly; scale and angle by enumeration.
"""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.8436589, "angle": 19.8316}


def difference(program, rows, delta, generator):
    seed = int(torch.randint(2**31, (1,), generator=generator))

    def run(params):
        noise = torch.Generator().manual_seed(seed)

        def sample(law):
            u = torch.rand(law.probs.shape, generator=noise, dtype=torch.float64)
            return (u < law.probs).to(law.probs)

        return program(params, sample)

    return (run(rows + delta) - run(rows - delta)) / 2


def target(program, params, num_samples, generator):
    rows = params.expand(num_samples, 3)
    delta = torch.randint(0, 2, rows.shape, generator=generator).to(rows) * 0.2
    return difference(program, rows, delta, generator).unsqueeze(-1) * (delta / 0.04)
