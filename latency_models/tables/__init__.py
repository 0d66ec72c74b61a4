"""Tables: latencies of blocks, latencies of networks, and their files."""
