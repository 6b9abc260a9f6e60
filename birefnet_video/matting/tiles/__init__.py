"""Mattes worked out in tiles, from coarse to fine, where they are unsure or have edges."""
