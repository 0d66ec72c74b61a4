"""Devices reached over a connection: what phones and boards share."""
