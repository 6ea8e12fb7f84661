"""Plug-ins: names of key exchanges and ratchets go in, and tested objects that provide their contracts come out.

``registry`` finds, checks and loads those of this distribution and those of others that the configuration allows;
``identity`` holds the long-term keys that they work with; ``conformance`` is the test kit for their authors. The
contracts are in ``whisperd.interfaces``.
"""
