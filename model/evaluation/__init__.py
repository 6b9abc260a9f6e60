"""How good mattes are: metrics on pictures and on video, and tables of them."""
