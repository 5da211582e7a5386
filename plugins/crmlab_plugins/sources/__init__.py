"""Where tables come from: files, databases, exports, generated and demonstration data."""
