"""The compiler: a model becomes SQL, or a call of its function; and the identity of its result."""
