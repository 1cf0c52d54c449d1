"""Train a stylizer: `python train.py style=starry_night`; see README.md."""

from stylenet.cli.main import train

if __name__ == "__main__":
    train()
