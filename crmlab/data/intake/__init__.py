"""From files to canonical tables: opened, understood, gathered, written with a study."""
