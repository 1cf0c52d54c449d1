"""Gatys: the image itself is optimized; the baseline of the networks, with the losses that train them."""
