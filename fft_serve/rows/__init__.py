"""The rows of served models: requests, pages, cursors and formats."""
