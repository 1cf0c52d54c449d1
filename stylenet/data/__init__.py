"""Photographs and style images: datasets and the LightningDataModule."""
