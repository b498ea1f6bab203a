"""Speeds and memory, as ratios measured side by side; in no wheel."""
