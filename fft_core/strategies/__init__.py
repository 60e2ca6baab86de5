"""How a model becomes statements: pure, engine-independent."""
