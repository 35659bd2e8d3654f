"""``gradverify experiment``: the group of experiments; each is a file of its name, ``experiment_<name>.py``."""

from __future__ import annotations

import click

from . import experiment_nri, experiment_published, experiment_walk

__all__ = ["experiment"]


@click.group(short_help="Run an experiment: nri, published or walk.")
def experiment() -> None:
    """Run an experiment: a study of its own, written as every report is."""


for each in (experiment_published.published, experiment_walk.walk, experiment_nri.nri):
    experiment.add_command(each)
