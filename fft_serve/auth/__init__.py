"""Authentication and authorization: hashed tokens, JSON web tokens, scopes, and conditions on rows by claims."""
