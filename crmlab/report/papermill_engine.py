"""Papermill's engine ``crmlab-fork``, for ``papermill --engine crmlab-fork``.

Papermill imports this module while it is imported itself, so it holds nothing else.
"""

from __future__ import annotations

from typing import Any

from papermill.engines import NBClientEngine


class ForkEngine(NBClientEngine):  # type: ignore[misc]
    """As papermill's own, but the kernel is forked from a process that has imported everything already."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        """Execute the notebook; the options are those of papermill's NBClientEngine."""
        options = {"kernel_manager_class": "crmlab.report.forked.ForkedKernelManager", **options}
        return super().execute_managed_notebook(nb_man, kernel_name, **options)
