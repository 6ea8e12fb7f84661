"""``whisperd demo``: the whole job on a private Tor network, as a script that a person could type by hand.

In: the programs ``tor`` and ``whisperd`` of this machine. Out: a table of figures and checks, an exit status, and the
same as JSON where that was asked for. Nothing of the demo outlives it.
"""
