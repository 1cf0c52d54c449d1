"""Compare methods and settings: figures, tables and grids of pictures."""
