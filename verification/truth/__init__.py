"""True gradients and variances: references, recursions over finite chains, known moments."""
