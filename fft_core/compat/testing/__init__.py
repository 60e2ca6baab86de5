"""`fastflowtransform.testing`."""
