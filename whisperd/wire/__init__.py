"""What goes over wires: bytes and typed values, each made from the other, with no state, clock or socket.

``frames`` and ``wh15p3r`` are the relay's two dialects, ``envelope`` and the kinds of payload (``files``, ``contacts``,
``disappearing``, ``resume``, ``direct``) are between peers, ``invite``, ``spoken`` and ``sas`` are what people pass on
or compare, ``control``, ``results`` and ``chat_results`` are the control socket's. It imports ``whisperd.errors`` and
msgspec only.
"""
