"""The control connection to a tor: attaching to it, asking, hearing of events, and noticing its end. [control-spec]

In: where the control port is (``attach.attach``). Out: an authenticated ``control_port.TorControl``; errors that
name what to mend; how far tor has come (``bootstrap``); the end of a tor that hangs (``keepalive``).

What txtorcon, which has no types, forces to be ``Any`` stands in ``control_port`` alone:

| of txtorcon | used for | typed as |
|---|---|---|
| TorControlProtocol | base class of TorControlConnection | Any, ``type: ignore[misc]`` |
| .queue_command(text) | request | Deferred[str] |
| .add_event_listener(event, heard) | hear_of | Deferred[object] |
| .valid_events, .version | hear_of, version | Collection[str], str or None |
| .post_bootstrap | authenticated | Deferred[object] |
| TorProtocolError.code, .text | errors | int, str |
| TorDisconnectError | errors | Exception |
"""
