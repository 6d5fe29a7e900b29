"""What a machine needs (Docker engine, Pulumi engine, images): look, say, prepare."""
