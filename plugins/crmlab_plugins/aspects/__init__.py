"""What texts are about, by tables of words that the trade has written down."""
