"""The bases that images start FROM: resolved, locked, or made as stand-ins."""
