"""What a user spent."""
