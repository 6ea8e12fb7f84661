"""The relay: rooms with two seats, whose clients' frames it forwards and of which it stores nothing.

In: the section ``relay`` of the configuration, and connections on its listeners. Out: frames, between the two clients
of a room; numbers for ``whisperctl`` and Prometheus. ``service.RelayService`` is what the daemon runs;
``relay_preflight`` is what ``config check`` asks before. The way of a frame is short enough to be read whole, in the
order that whisperd-security(7), READING THE RELAY, gives.
"""
