"""Perceptual features: the zoo of backbones and the extractor that reads them."""
