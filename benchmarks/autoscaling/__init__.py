"""The rules by which workers come and go, played against a load."""
