"""The steps of a job, one module each; here the concerns meet. `running.main` runs a step in a process of its own.

Each module has `run(context) -> dict`: it looks at what is there, makes what is missing, returns what it made (JSON).
"""
