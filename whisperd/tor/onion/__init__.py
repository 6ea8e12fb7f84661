"""Onion services of this daemon: their keys, who may reach them, and having a tor publish them.

In: the section ``onion`` of the configuration, a control connection, and where the relay listens. Out: ``rotation``'s
Addresses, which stay published on whatever tor there is (``publish``, by the table of ``machine``); onion services of
single conversations (``per_conversation``); credentials for those of other people (``held_credentials``); and whether
the own one is reached (``reachability``). Keys stand in files only where the configuration says so (``key_store``).
"""
