"""`python -m sandbox_suite.tasks`: what `./invoke` runs."""

import gc
import sys

gc.set_threshold(100_000, 20, 20)  # a short life: looking for garbage among imports is a tenth of its work

from sandbox_suite.tasks.program import main  # noqa: E402

sys.exit(main())
