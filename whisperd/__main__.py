"""``python -m whisperd`` is the command ``whisperd``."""

from whisperd.cli.programs import whisperd

if __name__ == "__main__":
    raise SystemExit(whisperd())
