"""whisperd: a private conversation daemon that leaves nothing behind.

Importing this package imports nothing else: ``whisperctl`` has to start fast.
"""

__version__ = "0.1.0"
