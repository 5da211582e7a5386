"""The customer forms as workbooks: what they ask, how they are written, how they are read back."""
