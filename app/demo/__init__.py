"""What an empty shop is filled with, so that it can be tried at once."""
