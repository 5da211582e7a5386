"""What texts are about when nobody has said so before: themes found in the texts themselves."""
