"""Running the testinfra checks, and the facts they compare with."""
