"""The claims of an engine, each with a function that checks it on a database: for users, and for tests of engines."""
