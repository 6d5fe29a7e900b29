"""The project's own Pulumi provider for `docker:index/*`: the official SDK and program, on the engine's API directly.

The official plugin comes with the internet only, and sleeps two seconds in every create and delete of a network.
This one knows four resources and the inputs in `tables`; what it does not know it refuses, and never drops silently.
"""
