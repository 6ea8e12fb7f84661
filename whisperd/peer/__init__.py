"""The peer role: end-to-end encrypted conversations over relays and onion links.

What enters are commands of the control socket, frames of links, and time; what leaves are frames, files, records of
the store, and events. ``service`` builds the role.
"""
