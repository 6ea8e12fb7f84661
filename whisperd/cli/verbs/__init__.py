"""What each verb of whisperctl does: its parameters go in, calls of control methods and lines of output come out.

``table.VERBS`` maps each verb of the table of commands to its function. One file for each family of verbs.
"""
