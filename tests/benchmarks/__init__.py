"""Figures: each module prints one JSON object on stdout, progress on stderr. Run through `./invoke bench.NAME`."""
