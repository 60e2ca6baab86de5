"""A model becomes SQL, or a call of its function; and what identifies its result."""
