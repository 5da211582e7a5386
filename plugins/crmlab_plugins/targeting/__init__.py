"""Models of what contacting a customer brings."""
