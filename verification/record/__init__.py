"""The record of a run: cells, checks and studies as data that is written once and read again."""

from .record import Cell, Check, Family, Record, Run, schema
from .study import Exhibits, Study, Table

__all__ = ["Cell", "Check", "Exhibits", "Family", "Record", "Run", "Study", "Table", "schema"]
