"""How two sides that share a secret come to a session: suites, key exchange, confirmation.

[whisperd-protocol(7), HANDSHAKE] In come sealed frames and the terms of an invite (``handshake.Terms``); out go sealed
frames and, at last, one ``established.Established``. ``plugins`` types what key exchanges and ratchets are asked for.
"""
