"""The same loop in several processes behind one port."""
