"""What commands leave for other programs in `.fastflowtransform/target/`: JSON files, described by `schemas/`."""
