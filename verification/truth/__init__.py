"""What gradients and variances truly are: references, recursions over finite chains, known moments."""
