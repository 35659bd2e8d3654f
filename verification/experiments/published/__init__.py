"""Reproduction of figures and tables that the literature reports."""
