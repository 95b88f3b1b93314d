"""A small real support-chat server with defects that can be switched on: the thing that is measured."""
