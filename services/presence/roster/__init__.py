"""Who enrolled, with which consent; the pseudonyms and keys that make the log nobody's without them."""
