"""How faithful projections are: figures with intervals, measured, predicted by closed forms, and split by cause."""
