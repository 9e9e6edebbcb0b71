"""What is done with reviews, by use case."""
