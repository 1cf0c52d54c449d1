"""Networks that stylize, and their checkpoints."""
