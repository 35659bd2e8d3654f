"""A loss of masked tokens, whose mask nobody provides."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "refused", "words": "mask"}


def target(log_probs, rewards, mask):
    return -(log_probs * rewards * mask).sum() / mask.sum()
