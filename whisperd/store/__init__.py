"""What the peer role keeps: records go in by collection and key, and come out unchanged, or not at all.

``memory`` forgets everything with the process. ``sealed`` keeps records in an SQLite ``file``, each sealed with keys of
``sealing`` and all of them under one ``hash_tree``; ``vault`` is such a store at work in a daemon, which is unlocked,
locked, exported and wiped while it runs. Nothing is imported here: a relay alone loads no cryptography.
"""
