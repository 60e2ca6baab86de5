"""Operations outside of a run."""
