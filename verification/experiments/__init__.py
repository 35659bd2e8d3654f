"""Experiments: what the field has measured, measured again, each as a study in a record."""
