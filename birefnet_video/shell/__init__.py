"""What shells and manuals are told of the command line: read from its parser, so that it cannot differ."""
