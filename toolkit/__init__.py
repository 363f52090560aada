"""Vectis Images: an application checkout goes in, a release manifest comes out."""
