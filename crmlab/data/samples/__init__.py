"""A generated retail company whose every parameter is known: to learn on, and to check reports against."""
