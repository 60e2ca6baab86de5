"""`fastflowtransform.hooks`."""
