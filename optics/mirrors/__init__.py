"""What mirrors do to light, and frames of them: orders and blaze, flatness, faults, paths, light of macropixels."""
