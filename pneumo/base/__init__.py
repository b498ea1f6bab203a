"""Files, checksums, locks, keys and errors; imports nothing else of the project."""
