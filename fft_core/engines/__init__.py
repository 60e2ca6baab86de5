"""The drivers of the store: they know relations and statements, never models."""
