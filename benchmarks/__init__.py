"""Measured, never asserted: see docs/performance.md."""
