"""What one has to open to follow a frame through the relay, from socket to socket, in reading order."""

from __future__ import annotations

MAX_LINES = 1_400
WAY = (
    "whisperd/relay/transport.py",
    "whisperd/relay/fastpath.py",
    "whisperd/relay/websocket.py",
    "whisperd/relay/session.py",
    "whisperd/wire/frames.py",
    "whisperd/wire/relay_errors.py",
    "whisperd/relay/rooms.py",
    "whisperd/relay/limits.py",
    "whisperd/relay/buckets.py",
    "whisperd/relay/wh15p3r_session.py",
    "whisperd/wire/wh15p3r.py",
)
#: Where a frame comes in and goes out, and what takes it for either dialect; everything else is reached from there.
ENDS = ("whisperd/relay/transport.py", "whisperd/relay/websocket.py", "whisperd/relay/wh15p3r_session.py")
