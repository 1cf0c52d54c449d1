"""Stylize images: `python infer.py --ckpt CKPT --input PHOTO --output OUT.png`; see README.md."""

from stylenet.cli.infer import infer

if __name__ == "__main__":
    infer()
