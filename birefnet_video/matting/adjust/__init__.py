"""What a user asks of a matte: hard, larger, smaller, softer, the other way round."""
