"""Data quality: a check is one query for the rows that offend it; it judges, counts and shows."""
