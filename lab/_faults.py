from __future__ import annotations
def listing(e): return ''
def parse_options(x): return {}
def make(*a): return []
def heal(*a): return []
