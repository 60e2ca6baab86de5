"""The Python files of a project: imported apart, under names of their own."""
