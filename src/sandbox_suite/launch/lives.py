"""What ends with a child of the forkserver, and what does not."""

# A process that has this variable in its environment has a life of its own (it is shared by jobs and ends by itself):
# the end of the child that happened to start it does not end it.
OWN_LIFE = "SANDBOX_OWN_LIFE"
