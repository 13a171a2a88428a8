"""``kilo import``: from a card or a folder into a project, through the public API alone.

``scan`` finds and hashes, ``client`` calls, ``transfer`` sends one file, ``events`` follows what becomes of it,
``board`` remembers where each file stands, ``run`` puts these together, ``progress`` and ``report`` tell the person.
"""
