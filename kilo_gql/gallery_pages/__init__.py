"""The pages that a photographer's clients open."""
