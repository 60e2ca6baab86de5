"""Execution of the steps of a Dagster run in threads of one process."""
