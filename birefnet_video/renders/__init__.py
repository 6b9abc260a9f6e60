"""Renders in processes of their own: their records, and who watches them."""
