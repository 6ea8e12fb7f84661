"""What the control socket may ask of the peer role: one object for each group of methods.

What enters are ids of conversations, names and values as they came over the socket; what leaves are rows that go into
JSON as they are, or typed errors. The objects are given what finds, begins, persists and verifies conversations.
"""
