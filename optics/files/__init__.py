"""TOML files of benches and parts, every key checked, and where they lie."""
