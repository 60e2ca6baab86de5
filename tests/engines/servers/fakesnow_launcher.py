"""Runs fakesnow 0.12.1 with the gaps filled that our statements meet: python fakesnow_launcher.py PORT.

It runs with the Python of its own environment, see `fakesnow_server.py`. What is mended here proves nothing about
Snowflake; docs/snowflake.md says what is proven where.
"""
