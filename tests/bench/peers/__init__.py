"""dojo-host beside other servers: echo through the whole of each, by turns in one run. See __main__.py."""
