"""What one session may touch: the kernel's means, each in a file, and the order in which they are put on."""
