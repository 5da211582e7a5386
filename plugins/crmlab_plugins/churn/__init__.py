"""Churn models: the probability that a customer buys no more in a window to come."""
