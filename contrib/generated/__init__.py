"""Everything in the tree that a program writes: tables of the man pages, completions, and parts of CONTRIBUTING.md.

``files()`` returns it all; ``python -m contrib.generated`` writes what has changed, and a test compares.
"""
