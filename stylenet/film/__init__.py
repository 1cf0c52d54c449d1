"""Films: read, stylized frame by frame, and written, in constant memory."""
