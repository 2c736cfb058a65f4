"""What the tests against a running suite share: customers, and a suite under test that can be broken."""
