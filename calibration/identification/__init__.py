"""What frames tell of a bench: its camera, its light, what moves, each figure with its uncertainty."""
