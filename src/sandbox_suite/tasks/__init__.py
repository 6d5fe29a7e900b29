"""Invoke collections, one per noun: parse, call one verb, print, exit."""
