"""Fields from squared distances: anchors as known points of the complex plane."""
