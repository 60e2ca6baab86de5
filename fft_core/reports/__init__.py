"""Reports about a project for people and programs: lint, the site, the manifest, the catalog."""
