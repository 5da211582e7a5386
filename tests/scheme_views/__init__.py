"""What classifications show beyond sizes."""
