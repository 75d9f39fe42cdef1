"""Figures of the finished pack, the contact sheet and golden data."""
