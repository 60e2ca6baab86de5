"""The nodes that a command selects."""
