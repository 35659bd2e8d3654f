"""Training code as it is written: a loss and its parameters, judged and used as a problem without being rewritten."""
