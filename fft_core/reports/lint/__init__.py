"""What is wrong with a project, or odd about it, as far as files tell: no database is opened."""
