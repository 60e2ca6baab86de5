"""The statements that apply rows to an existing table: made of models and columns as plain SQL, for every engine."""
