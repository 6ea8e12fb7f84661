"""Conversations: from a link, a code or a call to texts, files and the end.

In come what people ask, what links report, and the time; out go frames for a link, events for people, steps that
follow for contacts, and records for a store. ``driver.Driver`` is the edge that others hold: it tells the core,
``conversation.Conversation``, and has what that returns done by ``executor.Executor``. The core is put together from
``opening`` (how two sides come to a key), ``session`` and ``channel`` (what the key is used for), ``resume`` (a way
back after a restart), ``messages``, ``disappearing`` and ``contact_messages``; ``states`` has the table of its states.
"""
