"""The rebuilder: decides which nodes are built and why, from values alone, without a database."""
