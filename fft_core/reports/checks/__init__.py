"""Results of checks, for people and for CI programs."""
