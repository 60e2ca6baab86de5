"""The reader: files become a project, in sorted order, checked and linked."""
