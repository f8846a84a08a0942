"""Fields from frames with a reference arm: phase stepping and off-axis holography."""
