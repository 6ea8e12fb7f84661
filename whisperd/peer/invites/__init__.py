"""Spoken codes, and the memory of which invites have been used.

What enters are codes, and relays to meet at; what leaves are conversations that begin.
"""
