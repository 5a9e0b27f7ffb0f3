"""Tests of whole servers: processes, faults, restarts, and what may never leak."""
