def write(root, kept):
    pass
