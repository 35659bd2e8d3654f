"""Exact means and variances of estimators on finite chains, with a scalar parameter and without sampling."""
