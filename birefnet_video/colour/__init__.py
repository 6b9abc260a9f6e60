"""Between av's frames and arrays, with the arithmetic of matrices and transfer functions."""
