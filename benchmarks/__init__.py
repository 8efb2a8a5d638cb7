"""This server beside the usual Node.js one, measured in one run: `make bench`, see README.md in this folder."""
