"""The gate: another process with other code, which reads the masked bytes on disk and signs them or says what is wrong.

It shares nothing with `masks/` but the pools' words: its own shapes, its own arithmetic (`oracle`), its own order of
work. Whatever goes wrong in it (exception, kill, timeout, garbled output, a check left out) blocks.
"""
