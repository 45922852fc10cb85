"""Laws that every kernel obeys; those of one system stand in properties/systems."""
