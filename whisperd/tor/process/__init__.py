"""A tor process of the daemon's own, and what it needs on this machine.

In: the section ``tor`` of the configuration, to ``launch.launch``. Out: a ``launch.LaunchedTor``, which has the
addresses of its control and SOCKS sockets and can be stopped; lines of torrc (``torrc``, ``transports``); and the
folder of its sockets, which outlives no daemon (``socket_folder``). Nothing of a launched tor reaches a disk but its
data folder.
"""
