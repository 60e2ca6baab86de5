"""The Python files of a project, imported in isolation, under private names."""
