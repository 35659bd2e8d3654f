"""Log-probabilities of three bits averaged where they must be summed. The factor is 1/3."""

from torch.distributions import Bernoulli

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.3333333}


def target(f, logits):
    law = Bernoulli(logits=logits)
    b = law.sample()
    return (f(b).detach() * law.log_prob(b).mean(-1)).mean()
