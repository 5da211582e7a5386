"""The canonical tables by subject: customers, sales, service, marketing."""

from crmlab.imports import without

with without("sqlalchemy"):  # dataframely translates schemas for it; importing it takes longer than polars
    import dataframely  # noqa: F401
