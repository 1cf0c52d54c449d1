"""Stylize images with a trained network."""
