"""What is read of goods and their stock."""
