"""What films and what shows live pictures."""
