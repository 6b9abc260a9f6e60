"""Still pictures: read and written."""
