"""What kind of complaint a text is, learned from those that people sorted."""
