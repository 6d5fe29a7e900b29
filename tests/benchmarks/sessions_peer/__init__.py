"""What bench.sessions has each of its sides do."""
