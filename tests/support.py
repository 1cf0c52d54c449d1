"""Paths that several tests share."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEBUG = f"--config={ROOT / 'configs' / 'debug.yaml'}"
