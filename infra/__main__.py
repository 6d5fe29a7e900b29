"""What `pulumi -C infra up` runs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that both ways import `infra.components`

from infra.program import program

program()
