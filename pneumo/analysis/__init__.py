"""One question a module: a study in, its share of the record out."""
