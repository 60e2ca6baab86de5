"""The database drivers: they know relations and statements, never models."""
