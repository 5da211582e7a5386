"""From what a source delivers to clean, counted, canonical tables."""
