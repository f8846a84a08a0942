"""What a twin answers: what limits its bench, how faithful it is, whether a network learns; table, page, figures."""
