"""The plugin under test: manifest, package, signature, catalog."""
