"""The steps from light on the pixels to counts, one a file; `optics.sensor` runs them."""
