"""Key drivers: how much of the differences in satisfaction goes with each part of the experience."""
