"""Both commands as a person or a script meets them: command lines go in; lines, JSON and an exit status come out.

``programs`` has the entry points and ``guard`` what surrounds them; ``ctl`` builds ``whisperctl`` from the table of
commands, ``daemon`` is ``whisperd``. ``verbs`` does what each verb does, ``chat_view`` is the conversation on a
terminal, and ``render`` makes the lines. The daemon is reached through ``whisperd.control.client`` only, and nothing
here loads Twisted before it has to: ``whisperctl`` starts fast.
"""
