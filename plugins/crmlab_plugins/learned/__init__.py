"""Learned segments: prepared, chosen, named and explained, so that a reader can check each step."""
