"""People who can be called without an invite, and how they are made, met and told apart.

What enters is what conversations tell, and what people ask by ``commands``; what leaves are calls, which are
conversations that begin at a rendezvous, records in the store, and events.
"""
