"""Columns with one row per customer, built from the tables as of a day."""
