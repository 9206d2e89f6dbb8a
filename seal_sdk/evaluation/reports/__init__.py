"""How results are shown: text tables, HTML pages with charts, and contact sheets.

Pages are self-contained: they load nothing from elsewhere and open offline.
"""
