"""Classifications by a rule that can be read."""
