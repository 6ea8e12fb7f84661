"""whisperd as it ships: the wheel, installed, run by a user without rights, confined as by default."""
