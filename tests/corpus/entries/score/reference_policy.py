"""A KL penalty against a reference policy (k3 of Schulman 2020), whose log-probabilities nobody provides."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "refused", "words": "ref_log_probs"}


def target(log_probs, ref_log_probs, rewards):
    gap = ref_log_probs - log_probs
    return -(log_probs * rewards).mean() + 0.1 * (gap.exp() - gap - 1).mean()
