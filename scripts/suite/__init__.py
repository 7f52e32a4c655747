"""The test suite behind `scripts/test`: every part counts what passed and what failed."""
