"""What is asked or done outside of a run."""
