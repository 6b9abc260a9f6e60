"""What is read: containers, streams, pictures in sequence, and what their headers say."""
