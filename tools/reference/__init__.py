"""Generated pages of the documentation: `make docs` writes them, and a test compares them with the code."""
