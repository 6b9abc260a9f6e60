"""What works on this machine and what does not: looked at, tried, and said with what to do."""
