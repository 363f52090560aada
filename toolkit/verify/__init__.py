"""The image contract: rules checked from outside on a built image, by reading and running it."""
