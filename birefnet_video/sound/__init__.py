"""What is heard and what is said below the picture: copied, cut and encoded again where it must be."""
