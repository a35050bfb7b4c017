"""The bytes that each release wrote, and the test that the present code reads all of them."""
