"""Values of options that a user has written down: in a file, in its profiles, in variables of the environment."""
