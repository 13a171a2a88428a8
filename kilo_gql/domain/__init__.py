"""What KILO decides: one module a noun, every public function an operation."""
