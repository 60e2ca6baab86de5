"""What a profile says: the engine's settings, variables of the environment, secrets."""
