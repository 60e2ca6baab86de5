"""New projects, and files that commands leave in their folders."""
