"""The shapes of all YAML, of config() and of @model. Only these files and yaml_file.py use pydantic."""
