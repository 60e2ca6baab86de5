"""Files become a project: read in sorted order, checked, linked."""
