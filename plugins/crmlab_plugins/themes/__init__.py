"""What texts are about, found in the texts themselves."""
