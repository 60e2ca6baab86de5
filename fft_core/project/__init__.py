"""The project as the user wrote it: files are read into frozen values."""
