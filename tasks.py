"""Assembles the Invoke namespaces. Plain `invoke` lands here too and is handed to our program, which maps the codes."""

import sys

try:
    from sandbox_suite.tasks import namespace, program
except ImportError as problem:  # another interpreter's invoke: its packages are not ours
    sys.stderr.write(
        f"this `invoke` runs under {sys.executable}, which lacks {problem.name}; use ./invoke in the checkout\n"
    )
    sys.exit(2)

program.take_over()
ns = namespace.build()
