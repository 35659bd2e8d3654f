"""SPSA that multiplies by its step where it divides (cleverhans #1087), over the step's size 0.25. Scale by enumeration."""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.24965, "angle": 0.1443}


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
    delta = (torch.randint(0, 2, rows.shape, generator=generator).to(rows) * 2 - 1) * 0.25
    return difference(program, rows, delta, generator).unsqueeze(-1) * delta / 0.25
