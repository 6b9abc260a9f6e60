"""The frames of outputs, of a picture and its alpha."""
