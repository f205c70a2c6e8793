"""Sets of images as arrays: decoded from wheels, archives or folders, resized to one side, each with its origin."""
