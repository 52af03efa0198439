"""Files: what is written is written whole or not at all, what is read is checked before use."""
