"""KILO, the application: ``domain`` decides, ``models`` remembers, ``graphql`` and ``rest`` are its two doors."""

__version__ = "0.1.0"
