"""SPSA with common random numbers and steps of 0.1 (Spall 1992): right to 0.2 %."""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased", "scale": 0.9997786}


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
    delta = (torch.randint(0, 2, rows.shape, generator=generator).to(rows) * 2 - 1) * 0.1
    return difference(program, rows, delta, generator).unsqueeze(-1) / delta
