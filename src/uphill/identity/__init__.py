"""What makes a result what it is: settings, code, data, and the identity of everything it is made from."""
