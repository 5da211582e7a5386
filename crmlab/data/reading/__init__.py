"""Files as text tables: what they are is sniffed, decoding is strict, nothing hostile gets through."""
