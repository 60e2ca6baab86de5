"""`fastflowtransform.api`."""
