"""The Pulumi project of a sandbox: an ordinary program, by hand or through the Automation API."""
