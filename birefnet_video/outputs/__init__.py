"""What is written: encodings, the files of an output, and the look at them before they get their names."""
