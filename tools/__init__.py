"""Programs for those who work on FFT itself."""
