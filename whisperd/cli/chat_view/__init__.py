"""A conversation on a terminal: the daemon's events and typed lines go in; a screen, calls and notifications come out.

``terminal`` has the screen and the threads, ``conversations`` which one is shown, ``conversation`` what a line means
and what an event looks like, ``read_subscription`` what was read, ``hook`` the program that is run for each message.
"""
