"""Runs `stylenet` as `python -m stylenet`."""

from stylenet.cli.main import main

if __name__ == "__main__":
    main()
