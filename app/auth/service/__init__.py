"""What can be done with people and their sessions: a room for each group of use cases."""
