"""The command ``whisperd``: a command line and a configuration go in, and a daemon that runs until a signal comes out.

``main`` reads the command line, ``run`` starts and stops the daemon, ``startup_progress`` shows how far it is and a
first invite, ``unlock`` asks for the passphrase of a sealed store, ``testnet`` starts a private Tor network. Twisted is
loaded by what runs, late.
"""
