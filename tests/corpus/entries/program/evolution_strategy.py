"""Antithetic evolution strategies with sigma 0.1 (Salimans et al. 2017): right to 1 %. Scale by Gaussian quadrature."""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased", "scale": 0.9993045}


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
    noise = torch.randn(rows.shape, generator=generator, dtype=rows.dtype)
    return difference(program, rows, 0.1 * noise, generator).unsqueeze(-1) * noise / 0.1
