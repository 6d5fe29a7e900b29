"""The formats of results: JSON lines, JUnit XML, TAP. Each becomes attempts at cases, and troubles in words."""
