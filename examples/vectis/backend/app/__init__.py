"""Vectis Commerce backend."""
