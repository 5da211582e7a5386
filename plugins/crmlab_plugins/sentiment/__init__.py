"""How satisfied a text sounds."""
