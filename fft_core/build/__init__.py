"""One node: its rows are staged, checked, published and recorded."""
