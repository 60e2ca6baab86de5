"""Profiles: the engine's settings, variables of the environment, secrets."""
