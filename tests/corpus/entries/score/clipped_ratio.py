"""PPO's clipped objective on the policy that drew the rows (Schulman et al. 2017): the clip is idle, so it is right."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(log_prob, reward):
    ratio = (log_prob - log_prob.detach()).exp()
    return -(ratio * reward).minimum(ratio.clamp(0.8, 1.2) * reward).mean()
