"""What came of checks, for people and for programs of a CI."""
