"""A small static site of README, operator guide and man pages: one stylesheet, no scripts, nothing from elsewhere."""
