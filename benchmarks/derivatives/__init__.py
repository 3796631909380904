"""What derivatives cost beside torch itself."""
