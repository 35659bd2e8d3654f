"""PPO handed the log-probabilities of the policy before the step, which nobody provides."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "refused", "words": "old_log_probs"}


def target(log_probs, old_log_probs, advantages):
    ratio = (log_probs - old_log_probs).exp()
    return -(ratio * advantages).minimum(ratio.clamp(0.8, 1.2) * advantages).mean()
