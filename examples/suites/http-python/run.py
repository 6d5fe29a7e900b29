"""The customer desk's API: reading, searching, access, follow-ups. Run as `python3 run.py`."""

import sys

import access
import customers
import follow_ups
import orders
from harness import run_all

MODULES = (access, customers, orders, follow_ups)  # importing them registers their cases, in this order

if __name__ == "__main__":
    sys.exit(run_all())
