"""The shapes of all YAML, of config() and of @model. Pydantic stays in here and in yaml_file.py."""
