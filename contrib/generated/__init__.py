"""What a program writes into the tree: page tables, completions, the picture of the rooms, and diagrams.

``files()`` returns it all; ``python -m contrib.generated`` writes what has changed, and a test compares.
"""
