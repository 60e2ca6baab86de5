"""How rows are applied to a table that is there already: models and columns in, plain SQL out, for every engine."""
