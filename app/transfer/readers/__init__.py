"""Records out of rows and objects, one module for each kind of file.

A row is given by its columns' names without regard to case, spaces and underscores; an object of
JSON likewise by its members' names.
"""
