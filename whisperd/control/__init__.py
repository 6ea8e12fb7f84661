"""The control socket: requests of ``whisperctl`` and other local programs go in, answers and events come out.

``commands`` is the table of methods, ``events`` that of events, ``answers`` names what each method returns. ``server``
serves ``api`` to those who may (``access``), one ``connection`` each; ``api`` asks the parts of the daemon, as
``roles`` states them. ``client`` is the other side. Whoever imports ``client``, ``commands``, ``events`` or ``answers``
loads no Twisted, so nothing is imported here.
"""
