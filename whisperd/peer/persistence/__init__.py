"""How conversations outlive the process: written before their effects are carried out, and read when it begins.

What enters are conversations and what changed in them; what leaves are transactions of a Store, and, in the next run,
the conversations as they were.
"""
