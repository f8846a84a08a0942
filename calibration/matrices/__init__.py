"""Transmission matrices: input bases, retrieval, campaigns, and what a matrix is good for."""
