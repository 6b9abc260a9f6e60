"""Everything that can be asked for. A field of a group is an option: of the command line, of Python, of the form."""
