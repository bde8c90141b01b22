"""The conformance rules, a module a role; ``contract.testing`` is the door to them."""
