"""What a host adds to tensors: workspaces of its kernels, resident memory, seconds."""
