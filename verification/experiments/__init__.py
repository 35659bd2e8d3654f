"""Experiments: each measures again something that the field has measured, and is a study in a record."""
