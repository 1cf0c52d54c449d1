"""Gatys: the image itself is optimised; the baseline of the networks, with the losses that train them."""
