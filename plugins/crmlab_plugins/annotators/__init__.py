"""What feedback texts say: language, sentiment, themes."""
