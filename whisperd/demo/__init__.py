"""``whisperd demo``: the whole job on a private Tor network, as a script that a person could type by hand."""
