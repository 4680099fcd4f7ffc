"""What can be told of: one file for each kind, and one table of all of them. Each finds what begins and what is over."""
