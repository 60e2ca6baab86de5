"""New projects, and what commands leave in their folders."""
