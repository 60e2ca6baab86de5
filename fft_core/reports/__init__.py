"""What people and programs read about a project: lint, the site, the manifest, the catalog."""
