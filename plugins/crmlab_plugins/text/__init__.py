"""What each text says, and who says it: languages, shared passages."""
