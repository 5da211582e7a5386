"""Customer lifetime models: how often a customer buys, when he leaves, what an order is worth."""
