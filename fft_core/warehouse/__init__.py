"""An engine and a project on it: relations, records of builds, versions of sources."""
