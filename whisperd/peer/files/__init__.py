"""Files that are sent inside a conversation. [whisperd-protocol(7), FILES]

In come what people ask (``edge.FilesEdge``) and what the other side says; out go payloads for the channel, and reads
and writes of the disk, which ``disk.FilesOnDisk`` does in threads. ``offers.Files`` is the core, with the files by
their numbers in ``transfers`` and the pace of sending in ``sending``.
"""
