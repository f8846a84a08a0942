"""What archives are made of: hashes, ordered writes, locks, places and chunks, files that are still being written."""
