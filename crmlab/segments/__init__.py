"""Segments under test: is a classification real, is it useful, and which one should be used."""
