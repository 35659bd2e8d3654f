"""A module whose import fails, as one does when a dependency is missing."""

from __future__ import annotations

raise ImportError("No module named 'a_dependency_that_is_missing'")
