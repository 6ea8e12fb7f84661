"""``python -m whisperd`` is the command ``whisperd``."""

from whisperd.cli.daemon import main

if __name__ == "__main__":
    main()
