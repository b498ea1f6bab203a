"""Images and labels: where they come from, what each set is, and how they are checked."""
