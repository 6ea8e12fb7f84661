"""The pictures of the README, made by scripts: a real conversation in two terminals, and the rooms."""
