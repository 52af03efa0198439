"""What every other part of the package uses: arguments, names, variables and their memory."""
