"""Runs and steps on the workers of Celery: the app of the workers, and the run launcher."""
