"""CloudFormation templates, and the command that releases an image."""
