"""The Docker Engine: found, or embedded."""
