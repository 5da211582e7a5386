"""Where features are computed: polars, DuckDB, Spark."""
