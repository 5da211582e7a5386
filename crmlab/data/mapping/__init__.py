"""Which header stands for which canonical column, on what evidence, and what to say of it."""
