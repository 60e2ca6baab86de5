"""Which nodes a command means."""
