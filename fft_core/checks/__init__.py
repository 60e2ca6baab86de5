"""Data quality: a check is one query for the rows that break a rule; it counts them and shows them."""
