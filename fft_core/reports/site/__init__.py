"""A project's graph as text, as a picture and as pages."""
