"""Packages of other projects: found, installed, and read."""
