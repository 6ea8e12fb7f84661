"""``python -m whisperd`` is the command ``whisperd``."""

from whisperd.cli.entry_points import whisperd

if __name__ == "__main__":
    raise SystemExit(whisperd())
