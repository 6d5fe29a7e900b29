"""`python -m sandbox_suite.tasks`: what `./invoke` runs."""

import sys

from sandbox_suite.tasks.program import main

sys.exit(main())
