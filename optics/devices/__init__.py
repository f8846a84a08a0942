"""Real devices: modulators and cameras behind two small protocols, and the bench that they make."""
